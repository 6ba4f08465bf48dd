using Horizon.Flow.Models.Common;
using Horizon.Flow.Units;

namespace Horizon.Flow.Models.Fp8;

/// <summary>Models whose layers multiply in fp8.</summary>
public static class ModelFp8
{
    /// <summary>
    /// The model with the products of its layers (q, k, v, o, gate, up and down, forward and backward) in fp8. Weights, activations between products, norms, attention, the embedding, the
    /// head and all gradients stay in the type that they have.
    /// </summary>
    /// <param name="model">The model.</param>
    /// <param name="options">How.</param>
    /// <param name="except">Layers that stay as they are, by their units' names; null for none.</param>
    /// <exception cref="HorizonException">The model's layers know of no fp8, or their widths do not fit it.</exception>
    public static ModelDefinition WithFp8(this ModelDefinition model, Fp8Options options, Func<string, bool>? except = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(options);
        var changed = new Dictionary<IUnitTemplate, IUnitTemplate>(ReferenceEqualityComparer.Instance);
        return model with { Hidden = [.. model.Hidden.Select(binding => binding.Template.IsEmbedding || except?.Invoke(model.Units[binding.Unit].Name) == true ? binding : binding with { Template = Changed(binding.Template) })] };

        IUnitTemplate Changed(IUnitTemplate template)
        {
            if (changed.TryGetValue(template, out var found)) return found;
            return changed[template] = template is DecoderLayerTemplate layer ? layer.WithFp8(options)
                : throw new HorizonException($"the layers of {model.Architecture} have no products in fp8, which only those of the Llama kind have (Llama, Mistral, Qwen2, Qwen3); train it in bf16");
        }
    }
}

using Horizon.Flow.Models.Adapters;
using System.Collections.Immutable;
using Horizon.Flow.Models.Cohere2;
using Horizon.Flow.Models.DeepseekV3;
using Horizon.Flow.Models.Dense;
using Horizon.Flow.Models.Ernie45;
using Horizon.Flow.Models.Gemma2;
using Horizon.Flow.Models.Gemma3;
using Horizon.Flow.Models.Gemma4;
using Horizon.Flow.Models.Glm4;
using Horizon.Flow.Models.Glm4Moe;
using Horizon.Flow.Models.Gpt2;
using Horizon.Flow.Models.GptNeoX;
using Horizon.Flow.Models.GptOss;
using Horizon.Flow.Models.Granite;
using Horizon.Flow.Models.GraniteMoeHybrid;
using Horizon.Flow.Models.HunYuanDense;
using Horizon.Flow.Models.Lfm2;
using Horizon.Flow.Models.Llama;
using Horizon.Flow.Models.MiniMaxM2;
using Horizon.Flow.Models.Ministral;
using Horizon.Flow.Models.Ministral3;
using Horizon.Flow.Models.Mistral;
using Horizon.Flow.Models.Mixtral;
using Horizon.Flow.Models.Olmo2;
using Horizon.Flow.Models.Olmo3;
using Horizon.Flow.Models.Phi3;
using Horizon.Flow.Models.Qwen2;
using Horizon.Flow.Models.Qwen3;
using Horizon.Flow.Models.Qwen35;
using Horizon.Flow.Models.Qwen35Moe;
using Horizon.Flow.Models.Qwen3Moe;
using Horizon.Flow.Models.Qwen3Next;
using Horizon.Flow.Models.SeedOss;
using Horizon.Flow.Models.SmolLm3;
using Horizon.Flow.Models.Starcoder2;
using Horizon.Flow.Units;

namespace Horizon.Flow.Models;

/// <summary>The known model families. Immutable: <see cref="With"/> returns a new registry and leaves this one as it is.</summary>
public sealed class ModelRegistry
{
    private readonly ImmutableList<IModelFamily> _families;

    private ModelRegistry(ImmutableList<IModelFamily> families) => _families = families;

    /// <summary>The families that come with Horizon.Flow.</summary>
    public static ModelRegistry Default { get; } = new(
    [
        new LlamaFamily(),
        new MiniMaxM2Family(),
        new MistralFamily(),
        new MixtralFamily(),
        new Qwen2Family(),
        new Qwen3Family(),
        new Qwen3MoeFamily(),
        new Qwen3NextFamily(),
        new Qwen35Family(),
        new NestedTextFamily("Qwen3_5ForConditionalGeneration", "qwen3_5", olderNames: false, new Qwen35Family()),
        new Qwen35MoeFamily(),
        new NestedTextFamily("Qwen3_5MoeForConditionalGeneration", "qwen3_5_moe", olderNames: false, new Qwen35MoeFamily()),
        new Cohere2Family(),
        new DeepseekV3Family(),
        new Ernie45Family(),
        new Gemma2Family(),
        new Gemma3Family(),
        new NestedTextFamily("Gemma3ForConditionalGeneration", "gemma3", olderNames: true, new Gemma3Family()),
        new Gemma4Family(),
        new NestedTextFamily("Gemma4ForConditionalGeneration", "gemma4", olderNames: false, new Gemma4Family()),
        new Glm4Family(),
        new Glm4MoeFamily(),
        new Gpt2Family(),
        new GptNeoXFamily(),
        new GptOssFamily(),
        new GraniteFamily(),
        new GraniteMoeHybridFamily(),
        new HunYuanDenseFamily(),
        new Lfm2Family(),
        new MinistralFamily(),
        new Ministral3Family(),
        new NestedTextFamily("Mistral3ForConditionalGeneration", "mistral3", olderNames: true, new MistralTextFamily(), new Ministral3Family()),
        new Olmo2Family(),
        new Olmo3Family(),
        new Phi3Family(),
        new SeedOssFamily(),
        new SmolLm3Family(),
        new Starcoder2Family(),
    ]);

    /// <summary>The names of the known architectures.</summary>
    public IEnumerable<string> Architectures => _families.Select(family => family.Architecture);

    /// <summary>A registry that also knows <paramref name="family"/>; it replaces a family of the same architecture.</summary>
    public ModelRegistry With(IModelFamily family)
    {
        ArgumentNullException.ThrowIfNull(family);
        return new(_families.RemoveAll(known => known.Architecture == family.Architecture).Add(family));
    }

    /// <summary>Reads a parsed config.json.</summary>
    /// <exception cref="HorizonException">
    /// Unknown architecture, a setting is missing, absurd or not supported, or there is a key that the family neither reads nor calls harmless.
    /// </exception>
    public ModelConfig Read(ConfigJson json)
    {
        ArgumentNullException.ThrowIfNull(json);
        var architectures = json.Texts("architectures");
        var modelType = json.Text("model_type");
        var family = architectures is { Count: > 0 }
            ? architectures.Select(Find).FirstOrDefault(known => known is not null)
            : _families.FirstOrDefault(known => known.ModelType == modelType);
        if (family is null)
            throw Unknown(architectures is { Count: > 0 } ? string.Join(", ", architectures) : modelType ?? "(none named)", json.Source);
        var config = family.Read(json);
        RefuseUnread(json, family);
        return config;
    }

    /// <summary>The model as units and templates.</summary>
    /// <exception cref="HorizonException">Unknown architecture, or numbers that contradict each other.</exception>
    public ModelDefinition Define(ModelConfig config)
    {
        ArgumentNullException.ThrowIfNull(config);
        var model = (Find(config.Architecture) ?? throw Unknown(config.Architecture, "the model configuration")).Define(config);
        ExpertParts.RequireExperts(config, model);
        return config.Adapter is null || model.Units.Any(unit => unit.Parameters.Any(AdapterLayout.IsAdapter)) ? model
            : throw new HorizonException($"the family of {config.Architecture} does not build adapters ({nameof(ModelConfig)}.{nameof(ModelConfig.Adapter)}); train it without");
    }

    // A key that nobody understands may change the maths: a model trained as another one would be wrong in silence.
    private static void RefuseUnread(ConfigJson json, IModelFamily family)
    {
        const int Named = 5;
        const string Nested = "text_config."; // asked for by whoever reads a text model within another
        var unread = json.Unread.Where(key => !HarmlessKeys.Contains(key.StartsWith(Nested, StringComparison.Ordinal) ? key[Nested.Length..] : key) && !family.HarmlessKeys.Contains(key)).Order(StringComparer.Ordinal).ToList();
        if (unread.Count == 0) return;
        var more = unread.Count > Named ? $" and {unread.Count - Named} more keys" : "";
        throw new HorizonException(
            $"{json.Source}: {string.Join(", ", unread.Take(Named))}{more}: not understood for {family.Architecture}, and may change what the model computes; remove what has no effect");
    }

    private IModelFamily? Find(string architecture) => _families.FirstOrDefault(family => family.Architecture == architecture);

    private HorizonException Unknown(string architecture, string source) =>
        new($"{source}: the architecture '{architecture}' is not known; known are {string.Join(", ", Architectures)}");
}

using Horizon.Flow.Models.Common;
using Horizon.Flow.Models.Dense;

namespace Horizon.Flow.Models.Mistral;

/// <summary>The text model of Mistral Small 3.1 and later, which is Mistral's; within a model that sees images its backward is derived by autograd.</summary>
internal sealed class MistralTextFamily() : DenseFamily("MistralForCausalLM", "mistral", new()
{
    MaximumSequenceLength = 131_072,
    KeyValueHeads = 8,
    Refused = ["attention_bias", "mlp_bias"],
})
{
    /// <inheritdoc/>
    protected override DenseConfig Read(ConfigJson json, DenseConfig common) => common with { SlidingWindows = WindowReader.ReadUniform(json, common.LayerCount) };
}

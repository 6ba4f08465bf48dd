using Horizon.Flow.Models.Dense;

namespace Horizon.Flow.Models.Ernie45;

/// <summary>ERNIE 4.5 (dense): Llama rotated in neighbouring pairs.</summary>
internal sealed class Ernie45Family() : DenseFamily("Ernie4_5ForCausalLM", "ernie4_5", new()
{
    MaximumSequenceLength = 131_072,
    HeadDimension = 128,
    KeyValueHeads = 2,
    NormEpsilon = 1e-5,
    TiedHead = true,
    Theta = 500_000,
    Interleaved = true,
})
{
    /// <inheritdoc/>
    protected override DenseConfig Read(ConfigJson json, DenseConfig common)
    {
        var bias = json.Flag("use_bias", false);
        return common with
        {
            QueryKeyValueBias = bias,
            AttentionOutputBias = bias,
            FeedForwardBias = bias,
        };
    }
}

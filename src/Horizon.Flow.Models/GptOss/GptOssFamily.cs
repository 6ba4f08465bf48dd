using Horizon.Flow.Models.Common;
using Horizon.Flow.Models.Dense;
using Horizon.Flow.Models.Experts;

namespace Horizon.Flow.Models.GptOss;

/// <summary>gpt-oss: attention sinks, every second layer with a window, experts with biases and a clamped gate.</summary>
internal sealed class GptOssFamily() : DenseFamily("GptOssForCausalLM", "gpt_oss", new()
{
    MaximumSequenceLength = 131_072,
    SiluAlone = true,
    HeadDimension = 64,
    KeyValueHeads = 8,
    NormEpsilon = 1e-5,
    Theta = 150_000,
    Quantization = "mxfp4",
})
{
    private static readonly Dictionary<string, string> Names = new() { ["mlp.gate"] = "mlp.router" };

    // What transformers assumes where the file has no rotary settings.
    private static readonly RopeConfig Stretched = new()
    {
        Kind = RopeKind.Yarn,
        Factor = 32,
        OriginalMaximumSequenceLength = 4096,
        Truncate = false,
        AttentionFactor = (0.1 * Math.Log(32)) + 1,
    };

    /// <summary>The rotary settings say it, too.</summary>
    public override IReadOnlyCollection<string> HarmlessKeys { get; } = ["initial_context_length"];

    /// <inheritdoc/>
    protected override DenseConfig Read(ConfigJson json, DenseConfig common)
    {
        var experts = ReadExperts(json, common);
        DecoderReader.Require(json, "experts_per_token", experts.PerToken); // OpenAI's own name beside that of transformers
        return WithAttentionBias(json, common, missing: true) with
        {
            Names = Names,
            Norm = NormKind.WideRms,
            Sinks = true,
            SlidingWindows = WindowReader.ReadPattern(json, common.LayerCount, layer => layer % 2 == 0, missing: 128),
            Rope = json.Has("rope_parameters") || json.Has("rope_scaling") ? common.Rope : Stretched with { Theta = common.Rope.Theta },
            Experts = experts,
        };
    }

    private static ExpertConfig ReadExperts(ConfigJson json, DenseConfig common) => ExpertReader.Read(json, common.LayerCount, balancing: 0.9, missing: new()
    {
        Count = 128,
        PerToken = 4,
        Width = common.IntermediateSize,
        Router = RouterKind.SoftmaxOfChosen,
        RouterBias = true,
        ClampedGate = (json.Number("swiglu_alpha", 0, 1e6, 1.702), json.Number("swiglu_limit", 1e-6, 1e9, 7)),
    });
}

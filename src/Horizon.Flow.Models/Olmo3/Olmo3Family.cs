using Horizon.Flow.Models.Common;
using Horizon.Flow.Models.Dense;
using Horizon.Flow.Models.Olmo2;

namespace Horizon.Flow.Models.Olmo3;

/// <summary>OLMo 3: OLMo 2 with a window on three of four layers, whose frequencies were never scaled.</summary>
internal sealed class Olmo3Family() : DenseFamily("Olmo3ForCausalLM", "olmo3", new()
{
    MaximumSequenceLength = 2048,
    NormEpsilon = 1e-5,
    Theta = 500_000,
    RopeByLayerType = true,
})
{
    /// <inheritdoc/>
    protected override DenseConfig Read(ConfigJson json, DenseConfig common)
    {
        var (full, sliding) = RopeReader.ReadByLayerType(json, Defaults, common, localTheta: null);
        return Olmo2Family.ReadShared(json, common) with
        {
            Rope = full,
            SlidingRope = sliding,
            SlidingWindows = WindowReader.ReadPattern(json, common.LayerCount, fullEvery: 4),
        };
    }
}

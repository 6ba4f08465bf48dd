using static TorchSharp.torch;

namespace Horizon.Flow.Units;

/// <summary>What an RMS norm gives.</summary>
/// <param name="Sum">[T, H]: what was normalized; the input itself where nothing was added.</param>
/// <param name="Output">[T, H].</param>
/// <param name="Inverse">[T, 1] fp32: 1 / root of the mean square, for backward.</param>
public readonly record struct NormResult(Tensor Sum, Tensor Output, Tensor Inverse);

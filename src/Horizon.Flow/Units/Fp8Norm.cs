using static TorchSharp.torch;

namespace Horizon.Flow.Units;

/// <summary>What an RMS norm in front of a product in fp8 gives.</summary>
/// <param name="Sum">[T, H]: what was normalized; the input itself where nothing was added.</param>
/// <param name="Inverse">[T, 1] fp32: 1 / root of the mean square, for backward.</param>
/// <param name="Output">[T, H] and its transpose, as they were asked for.</param>
/// <param name="Maximum">The bits of the output's largest absolute value, so that it need not be looked for again; null where it was not found.</param>
public readonly record struct Fp8Norm(Tensor Sum, Tensor Inverse, Fp8Pair Output, Tensor? Maximum);

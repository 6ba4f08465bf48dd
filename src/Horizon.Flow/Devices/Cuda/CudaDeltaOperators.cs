using Horizon.Flow.Units;
using static TorchSharp.torch;

namespace Horizon.Flow.Devices;

/// <summary>Linear attention by the kernels of <c>Kernels/delta.cu</c>: heads of 128 channels in bf16, on GPUs whose blocks may have as much shared memory as these need (generations 9 and 10).</summary>
internal sealed class CudaDeltaOperators(CudaKernels kernels) : IDeltaOperators
{
    public bool Takes(DeltaHeads heads, ScalarType type) =>
        type == ScalarType.BFloat16 && heads is { KeyWidth: DeltaSizes.Width, ValueWidth: DeltaSizes.Width, Taps: DeltaSizes.Taps }
        && kernels.Generation >= 8 && DeltaSizes.Largest <= kernels.LargestSharedBytes;

    public IWrittenStep Run(DeltaInputs inputs, DeltaHeads heads, Tensor? documents, bool keeps)
    {
        using var noGrad = no_grad();
        return new CudaDeltaStep(kernels, inputs, heads, documents, keeps);
    }
}

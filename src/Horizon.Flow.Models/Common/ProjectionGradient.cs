using Horizon.Flow.Units;
using static TorchSharp.torch;

namespace Horizon.Flow.Models.Common;

/// <summary>
/// The output projection's gradient, summed over chunks of tokens. fp32 gradients are summed where they belong; bf16 ones in an fp32
/// buffer that exists from the second chunk on, and are rounded once.
/// </summary>
internal sealed class ProjectionGradient(Tensor target_VH) : IDisposable
{
    private bool _any;
    private Tensor? _sum_VH;

    /// <summary>Adds the chunk's product.</summary>
    /// <param name="logitsGradient_CV">[C, V] in the type of the target.</param>
    /// <param name="x_CH">[C, H] in the type of the target.</param>
    public void Add(Tensor logitsGradient_CV, Tensor x_CH)
    {
        using var transposed_VC = logitsGradient_CV.t(); // a view that stayed would keep the memory of what the caller frees
        if (!_any) target_VH.addmm_(transposed_VC, x_CH, beta: 0);
        else if (target_VH.dtype == float32) target_VH.addmm_(transposed_VC, x_CH);
        else
        {
            _sum_VH ??= target_VH.to(float32).DetachFromDisposeScope();
            _sum_VH.AddInPlace(transposed_VC.mm(x_CH));
        }

        _any = true;
    }

    /// <summary>Completes the target; zeros where no chunk came.</summary>
    public void Write()
    {
        if (!_any) target_VH.zero_();
        else if (_sum_VH is not null) target_VH.copy_(_sum_VH);
    }

    /// <inheritdoc/>
    public void Dispose() => _sum_VH?.Dispose();
}

using Horizon.Flow.Native;
using Horizon.Flow.Units;
using static TorchSharp.torch;

namespace Horizon.Flow.Models.Common;

/// <summary>
/// All documents in one launch of libtorch's flash attention (Dao, arXiv 2307.08691), which is told where each begins; fewer key/value heads are read as they are.
/// Sums of its backward are ordered, so that two runs have the same bits.
/// </summary>
internal sealed class FlashAttention : IAttention
{
    private readonly HeadParts _heads;
    private readonly Tensor _all_TND;
    private readonly DocumentSpans _spans;
    private readonly long _before;
    private readonly Tensor _mixed_TQD;
    private readonly Tensor[] _kept;

    /// <param name="heads">Rotated bf16; kept.</param>
    /// <param name="spans">Where the documents lie; alive as long as this.</param>
    /// <param name="window">A token sees this many tokens, itself included; null for all.</param>
    public FlashAttention(HeadParts heads, DocumentSpans spans, int? window)
    {
        _all_TND = heads.All_TND.detach().DetachFromDisposeScope();
        (_heads, _spans) = (heads with { All_TND = _all_TND }, spans);
        _before = window is { } width ? width - 1 : -1;
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var found = AtenOperators.FlashForward(_heads.Query, _heads.Key, _heads.Value, spans.Bounds, spans.Longest, Scale, _before);
        foreach (var tensor in found) tensor.DetachFromDisposeScope();
        (_mixed_TQD, _kept) = (found[0], found[1..]);
        Output = _mixed_TQD.flatten(1).DetachFromDisposeScope();
    }

    /// <inheritdoc/>
    public Tensor Output { get; }

    private double Scale => 1 / Math.Sqrt(_heads.Width);

    /// <summary>Whether the kernel takes such heads.</summary>
    public static bool Takes(HeadParts heads, DeviceBatch batch) =>
        batch.Operators.AttendsByDocument && heads.All_TND.dtype == bfloat16 && heads.Width % 8 == 0 && heads.Width <= 256;

    /// <inheritdoc/>
    public Tensor[] Backward(Tensor dOutput_TC)
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        using var ordered = DeterministicScope.Enter(dOutput_TC.device);
        var found = AtenOperators.FlashBackward(
            dOutput_TC.view(_mixed_TQD.shape), _heads.Query, _heads.Key, _heads.Value, _mixed_TQD, _kept, _spans.Bounds, _spans.Longest, Scale, _before);
        return [.. found.Select(gradient => gradient.MoveToOuterDisposeScope())];
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Output.Dispose();
        _mixed_TQD.Dispose();
        foreach (var tensor in _kept) tensor.Dispose();
        _all_TND.Dispose();
    }
}

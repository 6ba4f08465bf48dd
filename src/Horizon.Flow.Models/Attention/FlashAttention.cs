using Horizon.Flow.Native;
using Horizon.Flow.Units;
using static TorchSharp.torch;

namespace Horizon.Flow.Models.Attention;

/// <summary>
/// All documents in one launch of libtorch's flash attention (Dao, arXiv 2307.08691), which is told where each begins; fewer key/value heads are read as they are.
/// The forward of whole rows is cuDNN's, about twice as fast and with the same logarithms of softmaxes' sums. Sums of the backward are ordered where the device
/// is deterministic, so that two runs have the same bits.
/// </summary>
internal sealed class FlashAttention : IAttention
{
    private readonly HeadParts _heads;
    private readonly Tensor _all_TND;
    private readonly DocumentSpans _spans;
    private readonly IUnitOperators _operators;
    private readonly bool _whole;
    private readonly long _before;
    private readonly Tensor _mixed_TQD;
    private readonly Tensor[] _kept;

    /// <param name="heads">Rotated bf16; kept.</param>
    /// <param name="batch">Where the documents lie; alive as long as this.</param>
    /// <param name="window">A token sees this many tokens, itself included; null for all.</param>
    public FlashAttention(HeadParts heads, DeviceBatch batch, int? window)
    {
        _all_TND = heads.All_TND.detach().DetachFromDisposeScope();
        (_heads, _spans, _operators) = (heads with { All_TND = _all_TND }, batch.Spans, batch.Operators);
        _before = window is { } width ? width - 1 : -1;
        _whole = batch.Documents is null && window is null;
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var found = TakesRows(heads, batch, window) ? ByRow(batch.BatchSize)
            : AttentionOperators.FlashForward(_heads.Query, _heads.Key, _heads.Value, _spans.Bounds, _spans.Longest, Scale, _before);
        foreach (var tensor in found) tensor.DetachFromDisposeScope();
        (_mixed_TQD, _kept) = (found[0], found[1..]);
        Output = _mixed_TQD.flatten(1).DetachFromDisposeScope();
    }

    /// <inheritdoc/>
    public Tensor Output { get; }

    private double Scale => 1 / Math.Sqrt(_heads.Width);

    /// <summary>Whether the kernel takes such heads.</summary>
    public static bool Takes(HeadParts heads, DeviceBatch batch) => Takes(heads.All_TND, batch);

    /// <summary>Whether the kernel takes heads [..., D].</summary>
    public static bool Takes(Tensor heads, DeviceBatch batch) =>
        batch.Operators.AttendsByDocument && heads.dtype == bfloat16 && heads.shape[^1] % 8 == 0 && heads.shape[^1] <= 256;

    /// <summary>
    /// Whether cuDNN's kernel takes such rows. It is planned anew for each length, which takes longer than it saves where every batch has another: so only
    /// lengths in 64s, as full rows have.
    /// </summary>
    public static bool TakesRows(HeadParts heads, DeviceBatch batch, int? window) =>
        Takes(heads, batch) && batch.Operators.AttendsByRow && batch.Documents is null && window is null && heads.Width <= 128 && batch.SequenceLength % 64 == 0;

    /// <inheritdoc/>
    public Tensor[] Backward(Tensor dOutput_TC)
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        using var ordered = DeterministicScope.Enter(dOutput_TC.device, _operators.IsDeterministic);
        var dMixed_TQD = dOutput_TC.view(_mixed_TQD.shape);
        var found = !_operators.IsDeterministic ? Gradients(dMixed_TQD, _heads.Query, _heads.Key, _heads.Value, _mixed_TQD, _kept[0])
            : _whole ? ByHeads(dMixed_TQD)
            : ByDocuments(dMixed_TQD);
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

    // [T, Q, D], and [Q, T] as flash has it: all rows' documents one after another.
    private Tensor[] ByRow(long rows)
    {
        Tensor Rows(Tensor part_TND) => part_TND.unflatten(0, rows, part_TND.shape[0] / rows).transpose(1, 2);
        var found = AttentionOperators.CudnnForward(Rows(_heads.Query), Rows(_heads.Key), Rows(_heads.Value), Scale);
        return [found[0].transpose(1, 2).flatten(0, 1).contiguous(), found[1].squeeze(-1).transpose(0, 1).flatten(1).contiguous(), found[2], found[3]];
    }

    private Tensor[] Gradients(Tensor dMixed_TQD, Tensor query, Tensor key, Tensor value, Tensor mixed, Tensor sums, DocumentSpans? group = null)
    {
        var spans = group ?? _spans;
        return AttentionOperators.FlashBackward(dMixed_TQD, query, key, value, mixed, [sums, .. _kept[1..]], spans.Bounds, spans.Longest, Scale, _before);
    }

    // Documents of like lengths together.
    private Tensor[] ByDocuments(Tensor dMixed_TQD)
    {
        var (heads, before, multiprocessors) = ((int)_heads.Queries, _before, _operators.Multiprocessors);
        var groups = _spans.InGroups(("ordered backward", heads, before), () => DocumentGroups.Of(
            [.. Enumerable.Range(0, _spans.Count).Select(_spans.LengthOf)], heads, before < 0 ? null : (int)before + 1, multiprocessors));
        var (parts, first) = (new List<Tensor[]>(), 0L);
        foreach (var group in groups)
        {
            long count = group.Starts[^1];
            Tensor Part(Tensor x_TND) => x_TND.narrow(0, first, count);
            parts.Add(Gradients(Part(dMixed_TQD), Part(_heads.Query), Part(_heads.Key), Part(_heads.Value), Part(_mixed_TQD), _kept[0].narrow(1, first, count).contiguous(), group));
            first += count;
        }

        return parts.Count == 1 ? parts[0] : [.. Enumerable.Range(0, 3).Select(i => cat([.. parts.Select(part => part[i])], 0))];
    }

    private Tensor[] ByHeads(Tensor dMixed_TQD)
    {
        var groups = HeadGroups.Of((int)_heads.Queries, _spans.Count, _operators.Multiprocessors);
        return groups.Count > 1 ? InGroups(groups, dMixed_TQD) : Gradients(dMixed_TQD, _heads.Query, _heads.Key, _heads.Value, _mixed_TQD, _kept[0]);
    }

    // Each group reads its own copy of keys and values; the gradients of one key/value head are summed as flash does it itself.
    private Tensor[] InGroups(IReadOnlyList<int> groups, Tensor dMixed_TQD)
    {
        var (key_TQD, value_TQD) = (HeadParts.Repeat(_heads.Key, _heads.Groups), HeadParts.Repeat(_heads.Value, _heads.Groups));
        Tensor[] all = [.. Enumerable.Range(0, 3).Select(_ => empty_like(_mixed_TQD))];
        long first = 0;
        foreach (var count in groups)
        {
            using var scope = NewDisposeScope();
            Tensor Part(Tensor x_TQD) => x_TQD.narrow(1, first, count);
            var found = Gradients(Part(dMixed_TQD), Part(_heads.Query), Part(key_TQD), Part(value_TQD), Part(_mixed_TQD), _kept[0].narrow(0, first, count));
            foreach (var (whole, part) in all.Zip(found)) Part(whole).copy_(part);
            first += count;
        }

        Tensor Summed(Tensor x_TQD) => _heads.Groups == 1 ? x_TQD : x_TQD.unflatten(1, _heads.Keys, _heads.Groups).sum(2);
        return [all[0], Summed(all[1]), Summed(all[2])];
    }
}

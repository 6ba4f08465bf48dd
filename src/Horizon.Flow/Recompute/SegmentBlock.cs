using Horizon.Flow.Graph;

namespace Horizon.Flow;

/// <summary>Turns a recomputed segment round: its units come forwards and go on backwards.</summary>
/// <remarks>
/// <para>Takes and gives: <see cref="RecomputedUnit"/>.</para>
/// <para>Waits when: the segment is not complete. Its weight buffers are all held until then, so there must be as many as it has units.</para>
/// <para>Completes when: told to, after the last unit. On fault: as any stage.</para>
/// <para>Owns: the units of the segment until it is complete.</para>
/// </remarks>
public sealed class SegmentBlock : StageBlock<RecomputedUnit, RecomputedUnit>
{
    /// <summary>Creates the block.</summary>
    public SegmentBlock(StageOptions options)
        : this(options, [])
    {
    }

    private SegmentBlock(StageOptions options, Stack<RecomputedUnit> segment)
        : base(options, (unit, _) =>
        {
            segment.Push(unit);
            if (!unit.Visit.EndsSegment) return ValueTask.FromResult<IReadOnlyList<RecomputedUnit>>([]);
            RecomputedUnit[] reversed = [.. segment];
            segment.Clear();
            return ValueTask.FromResult<IReadOnlyList<RecomputedUnit>>(reversed);
        })
    {
    }
}

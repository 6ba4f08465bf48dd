using Horizon.Flow.Graph;

namespace Horizon.Flow;

/// <summary>Runs a unit forward again from its kept input, this time keeping what backward needs; or finds that it was kept at once.</summary>
/// <remarks>
/// <para>Takes: <see cref="DeviceUnit"/> of <see cref="UnitPass.Backward"/>. Gives: <see cref="RecomputedUnit"/>.</para>
/// <para>Waits when: it is not the visit's turn: so one segment is recomputed at a time.</para>
/// <para>Completes when: told to, after the last unit. On fault: as any stage.</para>
/// <para>Owns: a returned input until the <see cref="MicroBatchScope"/> has it; the tape and the weight lease until they are given on.</para>
/// </remarks>
public sealed class RecomputeBlock : StageBlock<DeviceUnit, RecomputedUnit>
{
    /// <summary>Creates the block.</summary>
    public RecomputeBlock(ModelDefinition model, IComputeDevice device, StageOptions options)
        : base(options, async (unit, call) =>
        {
            var visit = unit.Visit;
            await call.WaitForGraph(visit.MicroBatch.Turns.WaitAsync(visit.Turn, call.Cancellation)).ConfigureAwait(false);
            var tape = await device.Lane.RunAsync(() => Run(model, device, unit), call.Cancellation).ConfigureAwait(false);
            visit.MicroBatch.Turns.Done(visit.Turn);
            return new RecomputedUnit(visit, tape, unit.Weights);
        })
    {
    }

    private static IUnitTape Run(ModelDefinition model, IComputeDevice device, DeviceUnit unit)
    {
        var visit = unit.Visit;
        var microBatch = visit.MicroBatch;
        if (unit.Weights is { } weights) device.ComputeWaits(weights.Value.Fence);
        if (unit.Input is { } returned) microBatch.ReturnInput(visit.Layer, returned);
        if (visit.KeepsTape)
        {
            var kept = microBatch.TakeTape(visit.Layer);
            kept.Bind(unit.Parameters);
            return kept;
        }

        var tape = model.Hidden[visit.Layer].Template.Recompute(unit.Parameters, microBatch.InputOf(visit.Layer), microBatch.BatchOn(device));
        if (!visit.EndsSegment) microBatch.KeepInput(visit.Layer + 1, tape.Output);
        return tape;
    }
}

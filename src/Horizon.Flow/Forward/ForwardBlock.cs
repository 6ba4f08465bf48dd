using Horizon.Flow.Graph;

namespace Horizon.Flow;

/// <summary>Runs a unit forward and keeps nothing but, at the start of a segment, its input.</summary>
/// <remarks>
/// <para>Takes: <see cref="DeviceUnit"/> of <see cref="UnitPass.Forward"/>. Gives: nothing; the hidden state lies in the
/// <see cref="MicroBatchScope"/>.</para>
/// <para>Waits when: it is not the visit's turn.</para>
/// <para>Completes when: told to, after the last unit. On fault: as any stage.</para>
/// <para>Owns: the weight lease; gives it back as soon as the operators are launched.</para>
/// </remarks>
public sealed class ForwardBlock : StageSink<DeviceUnit>
{
    /// <summary>Creates the block.</summary>
    public ForwardBlock(ModelDefinition model, IComputeDevice device, StageOptions options)
        : base(options, async (unit, call) =>
        {
            var visit = unit.Visit;
            await call.WaitFor(visit.MicroBatch.Turns.WaitAsync(visit.Turn, call.Cancellation)).ConfigureAwait(false);
            await device.Lane.RunAsync(() => Run(model, device, unit), call.Cancellation).ConfigureAwait(false);
            unit.Weights?.Dispose();
            visit.MicroBatch.Turns.Done(visit.Turn);
        })
    {
    }

    private static void Run(ModelDefinition model, IComputeDevice device, DeviceUnit unit)
    {
        var visit = unit.Visit;
        var microBatch = visit.MicroBatch;
        var slot = unit.Weights!.Value;
        device.ComputeWaits(slot.Fence);
        var input = microBatch.Hidden;
        var output = model.Hidden[visit.Layer].Template.Forward(unit.Parameters!, input, microBatch.BatchOn(device)).DetachFromDisposeScope();
        slot.Fence = device.RecordCompute();
        if (visit.KeepsInput) microBatch.KeepInput(visit.Layer, input);
        microBatch.Hidden = output;
    }
}

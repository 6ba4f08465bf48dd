using Horizon.Flow.Graph;
using static TorchSharp.torch;

namespace Horizon.Flow;

/// <summary>
/// Runs a unit forward and keeps what its <see cref="ActivationPolicy"/> says: nothing but, at the start of a segment, its input, on the
/// device or in host memory; or everything that backward needs.
/// </summary>
/// <remarks>
/// <para>Takes: <see cref="DeviceUnit"/> of <see cref="UnitPass.Forward"/>. Gives: nothing; the hidden state lies in the
/// <see cref="MicroBatchScope"/>.</para>
/// <para>Waits when: it is not the visit's turn, or the last micro-batch's moved input has not gone back up.</para>
/// <para>Completes when: told to, after the last unit. On fault: as any stage.</para>
/// <para>Owns: the weight lease; gives it back as soon as the operators are launched. A host buffer for a moved input until the
/// <see cref="MicroBatchScope"/> has it.</para>
/// </remarks>
public sealed class ForwardBlock : StageSink<DeviceUnit>
{
    /// <summary>Creates the block.</summary>
    /// <param name="model">The model.</param>
    /// <param name="device">Where to compute.</param>
    /// <param name="options">Bounds.</param>
    /// <param name="moved">Host buffers, at least as many as inputs of a micro-batch move out; null where none does.</param>
    public ForwardBlock(ModelDefinition model, IComputeDevice device, StageOptions options, LeasePool<MovedInput>? moved = null)
        : base(options, async (unit, call) =>
        {
            var visit = unit.Visit;
            await call.WaitForGraph(visit.MicroBatch.Turns.WaitAsync(visit.Turn, call.Cancellation)).ConfigureAwait(false);
            var place = visit.MovesInput ? await RentAsync(moved, call).ConfigureAwait(false) : null;
            await device.Lane.RunAsync(() => Run(model, device, unit, place), call.Cancellation).ConfigureAwait(false);
            unit.Weights?.Dispose();
            visit.MicroBatch.Turns.Done(visit.Turn);
        })
    {
    }

    private static async ValueTask<Lease<MovedInput>> RentAsync(LeasePool<MovedInput>? moved, StageCall call)
    {
        if (moved is null) throw new InvalidOperationException("the input moves out, but the forward block was made without host buffers");
        var place = await call.WaitFor(moved.RentAsync(call.Cancellation)).ConfigureAwait(false);
        await call.WaitFor(place.Value.Fence.WaitAsync(call.Cancellation)).ConfigureAwait(false);
        return place;
    }

    private static void Run(ModelDefinition model, IComputeDevice device, DeviceUnit unit, Lease<MovedInput>? place)
    {
        var visit = unit.Visit;
        var microBatch = visit.MicroBatch;
        var slot = unit.Weights!.Value;
        device.ComputeWaits(slot.Fence);
        var input = microBatch.Hidden;
        var copied = Fence.Completed;
        if (place is not null)
        {
            copied = place.Value.CopyFrom(input!);
            microBatch.MoveInput(visit.Layer, place); // from here on the return stage may have it
        }

        var output = Output(model.Hidden[visit.Layer].Template, device, unit).DetachFromDisposeScope();
        slot.Fence = device.RecordCompute();
        if (visit.KeepsInput && place is null) microBatch.KeepInput(visit.Layer, input);
        // The next line frees a moved input for operators launched from now on, so these must come after the copy. It began before the
        // layer's own operators, so that they hide it.
        device.ComputeWaits(copied);
        microBatch.Hidden = output;
    }

    private static Tensor Output(IUnitTemplate template, IComputeDevice device, DeviceUnit unit)
    {
        var (visit, microBatch) = (unit.Visit, unit.Visit.MicroBatch);
        if (!visit.KeepsTape) return template.Forward(unit.Parameters!, microBatch.Hidden, microBatch.BatchOn(device));
        var tape = template.Recompute(unit.Parameters!, microBatch.Hidden, microBatch.BatchOn(device));
        microBatch.KeepTape(visit.Layer, tape);
        return tape.TakeOutput();
    }
}

using Horizon.Flow.Graph;

namespace Horizon.Flow;

/// <summary>The gradients of one unit, from its tape and the gradient of its output. No autograd graph spans two units.</summary>
/// <remarks>
/// <para>Takes: <see cref="RecomputedUnit"/>, last unit first.</para>
/// <para>Gives: <see cref="DeviceGradient"/>; none for a frozen unit. The gradient of the input lies in the
/// <see cref="MicroBatchScope"/>.</para>
/// <para>Waits when: it is not the visit's turn, or no device gradient buffer is free.</para>
/// <para>Completes when: told to, after the last unit. On fault: as any stage.</para>
/// <para>Owns: the tape (disposed) and the weight lease (given back); a gradient lease until it is given on.</para>
/// </remarks>
public sealed class BackwardBlock : StageBlock<RecomputedUnit, DeviceGradient>
{
    /// <summary>Creates the block.</summary>
    public BackwardBlock(LeasePool<DeviceSlot> gradients, IComputeDevice device, StageOptions options)
        : this(gradients, device, options, new WrittenGradients())
    {
    }

    private BackwardBlock(LeasePool<DeviceSlot> gradients, IComputeDevice device, StageOptions options, WrittenGradients written)
        : base(options, async (unit, call) =>
        {
            var visit = unit.Visit;
            await call.WaitForGraph(visit.MicroBatch.Turns.WaitAsync(visit.BackwardTurn, call.Cancellation)).ConfigureAwait(false);
            var gradient = visit.GivesGradient ? await call.WaitFor(gradients.RentAsync(call.Cancellation)).ConfigureAwait(false) : null;
            await device.Lane.RunAsync(() => Run(device, unit, gradient, written), call.Cancellation).ConfigureAwait(false);
            unit.Weights?.Dispose();
            visit.MicroBatch.Turns.Done(visit.BackwardTurn);
            return gradient is null ? null : new DeviceGradient(visit, gradient);
        })
    {
    }

    private static void Run(IComputeDevice device, RecomputedUnit unit, Lease<DeviceSlot>? lease, WrittenGradients written)
    {
        var gradient = lease?.Value;
        var visit = unit.Visit;
        var microBatch = visit.MicroBatch;
        if (gradient is not null) device.ComputeWaits(gradient.Fence);
        using (unit.Tape)
        {
            var views = gradient?.ViewsOf(visit.Layout);
            var isMarked = written.Mark(visit.Layout.Name, views);
            microBatch.OutputGradient = unit.Tape.Backward(microBatch.OutputGradient!, views)?.DetachFromDisposeScope();
            if (isMarked) WrittenGradients.Require(visit.Layout.Name, views!, unit.Tape);
        }

        if (visit.BeginsSegment) microBatch.DropInput(visit.Layer);
        else microBatch.KeepInput(visit.Layer, null); // it is the output of the tape below, which disposes it
        if (visit.ClosesMicroBatch)
        {
            // The next micro-batch comes in when this one's last gradient goes down, so that its head cannot overtake it: a tied unit's
            // gradients are summed in the order in which they come, and fp32 sums depend on it.
            lease?.Carry(microBatch.TakeAdmission());
            microBatch.Dispose();
        }

        var done = device.RecordCompute();
        if (unit.Weights is { } weights) weights.Value.Fence = done;
        if (gradient is not null) gradient.Fence = done;
    }
}

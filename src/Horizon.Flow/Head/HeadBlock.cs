using Horizon.Flow.Graph;
using static TorchSharp.torch;

namespace Horizon.Flow;

/// <summary>Ends the forward pass: the loss and, in training, the head's gradients in the same visit.</summary>
/// <remarks>
/// <para>Takes: <see cref="DeviceUnit"/> of <see cref="UnitPass.Head"/>.</para>
/// <para>Gives: <see cref="DeviceGradient"/> of the head's unit; none in evaluation or for a frozen head.</para>
/// <para>Waits when: it is not the visit's turn, or no device gradient buffer is free.</para>
/// <para>Completes when: told to, after the last unit. On fault: as any stage.</para>
/// <para>Owns: the weight lease, given back once the operators are launched; a gradient lease until it is given on.</para>
/// </remarks>
public sealed class HeadBlock : StageBlock<DeviceUnit, DeviceGradient>
{
    /// <summary>Creates the block.</summary>
    public HeadBlock(IHeadTemplate template, LeasePool<DeviceSlot> gradients, LeasePool<LossCell> losses, IComputeDevice device, StageOptions options)
        : this(template, gradients, losses, device, options, new WrittenGradients())
    {
    }

    private HeadBlock(
        IHeadTemplate template, LeasePool<DeviceSlot> gradients, LeasePool<LossCell> losses, IComputeDevice device, StageOptions options, WrittenGradients written)
        : base(options, async (unit, call) =>
        {
            var visit = unit.Visit;
            await call.WaitForGraph(visit.MicroBatch.Turns.WaitAsync(visit.Turn, call.Cancellation)).ConfigureAwait(false);
            var gradient = visit.GivesGradient ? await call.WaitFor(gradients.RentAsync(call.Cancellation)).ConfigureAwait(false) : null;
            var loss = await call.WaitFor(losses.RentAsync(call.Cancellation)).ConfigureAwait(false);
            var ready = await device.Lane.RunAsync(() => Run(template, device, unit, gradient?.Value, loss.Value, written), call.Cancellation).ConfigureAwait(false);
            _ = ReadLossAsync(device, loss, ready, visit);
            unit.Weights?.Dispose();
            visit.MicroBatch.Turns.Done(visit.Turn);
            return gradient is null ? null : new DeviceGradient(visit, gradient);
        })
    {
    }

    private static Fence Run(IHeadTemplate template, IComputeDevice device, DeviceUnit unit, DeviceSlot? gradient, LossCell loss, WrittenGradients written)
    {
        var visit = unit.Visit;
        var microBatch = visit.MicroBatch;
        var weights = unit.Weights!.Value;
        var batch = microBatch.BatchOn(device);
        device.ComputeWaits(weights.Fence);
        if (gradient is not null) device.ComputeWaits(gradient.Fence);
        Tensor lossSum;
        if (visit.Step.Purpose == StepPurpose.Train)
        {
            var views = gradient?.ViewsOf(visit.Layout);
            var isMarked = written.Mark(visit.Layout.Name, views);
            var result = template.Differentiate(unit.Parameters!, views, microBatch.Hidden!, batch, visit.Step.LossScale);
            if (isMarked) WrittenGradients.Require(visit.Layout.Name, views!, template);
            lossSum = result.LossSum;
            microBatch.OutputGradient = result.InputGradient.DetachFromDisposeScope();
        }
        else
        {
            lossSum = template.LossSum(unit.Parameters!, microBatch.Hidden!, batch);
        }

        using (lossSum) loss.OnDevice.Flat.copy_(lossSum);
        microBatch.Hidden = null;
        if (visit.ClosesMicroBatch) microBatch.Dispose();
        var ready = device.RecordCompute();
        weights.Fence = ready;
        if (gradient is not null) gradient.Fence = ready;
        return ready;
    }

    private static async Task ReadLossAsync(IComputeDevice device, Lease<LossCell> lease, Fence ready, UnitVisit visit)
    {
        using (lease)
        {
            try
            {
                var cell = lease.Value;
                await device.Download(cell.OnDevice, sizeof(float), cell.OnHost, ready).WaitAsync().ConfigureAwait(false);
                visit.Step.RecordLoss(visit.MicroBatch.Index, cell.OnHost.Span<float>(0, 1)[0]);
            }
            catch (Exception cause)
            {
                visit.Step.Fail(cause);
            }
        }
    }
}

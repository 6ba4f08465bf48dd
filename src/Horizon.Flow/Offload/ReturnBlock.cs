using Horizon.Flow.Graph;

namespace Horizon.Flow;

/// <summary>Brings a moved input back to the device ahead of its recomputation, as soon as a buffer is free.</summary>
/// <remarks>
/// <para>Takes and gives: <see cref="DeviceUnit"/> of <see cref="UnitPass.Backward"/>; with its input on the way up where it had moved out.</para>
/// <para>Waits when: the input is still on its way down, or no buffer for returned inputs is free. The buffers in use belong to visits
/// ahead of this one, which need nothing that it holds.</para>
/// <para>Completes when: told to, after the last unit. On fault: as any stage.</para>
/// <para>Owns: the host buffer, given back when the copy is under way; a device buffer until it is given on.</para>
/// </remarks>
public sealed class ReturnBlock : StageBlock<DeviceUnit, DeviceUnit>
{
    /// <summary>Creates the block.</summary>
    public ReturnBlock(LeasePool<ReturnedInput> returned, StageOptions options)
        : base(options, async (unit, call) =>
        {
            var visit = unit.Visit;
            if (!visit.MovesInput) return unit;
            var place = await call.WaitForGraph(visit.MicroBatch.MovedInputAsync(visit.Layer, call.Cancellation)).ConfigureAwait(false);
            var lease = await call.WaitFor(returned.RentAsync(call.Cancellation)).ConfigureAwait(false);
            await call.WaitFor(place.Value.Fence.WaitAsync(call.Cancellation)).ConfigureAwait(false);
            await call.WaitFor(lease.Value.FillAsync(place.Value, call.Cancellation)).ConfigureAwait(false);
            place.Dispose();
            return new DeviceUnit(visit, unit.Weights, lease);
        })
    {
    }
}

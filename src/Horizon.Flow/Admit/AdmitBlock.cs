using Horizon.Flow.Graph;

namespace Horizon.Flow;

/// <summary>Holds a micro-batch back until there is room for its activations. Its first units may be on the device already.</summary>
/// <remarks>
/// <para>Takes and gives: <see cref="DeviceUnit"/>.</para>
/// <para>Waits when: as many micro-batches as allowed hold activations.</para>
/// <para>Completes when: told to, after the last unit. On fault: as any stage.</para>
/// <para>Owns: nothing; the admission belongs to the <see cref="MicroBatchScope"/>.</para>
/// </remarks>
public sealed class AdmitBlock : StageBlock<DeviceUnit, DeviceUnit>
{
    /// <summary>Creates the block.</summary>
    public AdmitBlock(LeasePool<object> admissions, StageOptions options)
        : base(options, async (unit, call) =>
        {
            if (unit.Visit.OpensMicroBatch)
                unit.Visit.MicroBatch.Admission = await call.WaitFor(admissions.RentAsync(call.Cancellation)).ConfigureAwait(false);
            return unit;
        })
    {
    }
}

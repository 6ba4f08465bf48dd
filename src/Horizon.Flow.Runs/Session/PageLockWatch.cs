using Horizon.Flow.Devices;
using Horizon.Flow.Host.Memory;
using Horizon.Flow.Host.Store;

namespace Horizon.Flow.Runs.Session;

/// <summary>Tells how much of a store is page-locked: on a GPU that takes seconds for each ten gigabytes.</summary>
internal sealed class PageLockWatch(IComputeDevice device, ParameterStore store, SessionProgress progress) : DeviceWrapper(device)
{
    private readonly long _total = store.Units.Sum(unit => unit.Weights.ByteLength);
    private long _done;

    public override void PageLock(HostBuffer buffer)
    {
        var done = Volatile.Read(ref _done);
        if (done < _total) progress.Report(new PhaseProgress("page-locking the weights", done, _total));
        base.PageLock(buffer);
        Interlocked.Add(ref _done, buffer.ByteLength);
    }
}

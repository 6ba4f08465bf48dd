using Horizon.Flow.Devices;
using Horizon.Flow.Tests.Shared;

namespace Horizon.Flow.Cli.Tests.Runs;

/// <summary>A device on which each piece of work takes a given time of a clock.</summary>
internal sealed class SlowDevice(IComputeDevice inner, ManualTimeProvider time, TimeSpan each) : DeviceWrapper(inner)
{
    public override Fence RecordCompute()
    {
        time.Advance(each);
        return base.RecordCompute();
    }
}

using Horizon.Flow.Devices;
using Horizon.Flow.Units;

namespace Horizon.Flow.Bench;

/// <summary>A device whose operators between matrix products are libtorch's own, to compare its kernels with.</summary>
internal sealed class EagerDevice(IComputeDevice inner) : DeviceWrapper(inner)
{
    public override IUnitOperators Operators { get; } = new EagerOperators();
}

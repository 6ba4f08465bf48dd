using Horizon.Flow.Devices;
using Horizon.Flow.Units;

namespace Horizon.Flow.Bench;

/// <summary>A device that multiplies no groups of rows, to compare grouped products with: each expert is a product of its own.</summary>
internal sealed class SingleExpertsDevice(IComputeDevice inner) : DeviceWrapper(inner)
{
    public override IUnitOperators Operators { get; } = new PartialOperators(inner.Operators, groups: false);
}

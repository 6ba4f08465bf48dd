using Horizon.Flow.Devices;
using Horizon.Flow.Units;

namespace Horizon.Flow.Bench;

/// <summary>A device that lacks some of its operators, to see what these give.</summary>
/// <param name="inner">The device.</param>
/// <param name="groups">Whether it multiplies groups of rows; otherwise each expert is a product of its own.</param>
/// <param name="rows">Whether it has a kernel of attention's backward over whole rows; otherwise that is flash's where bits repeat.</param>
internal sealed class PartialDevice(IComputeDevice inner, bool groups = true, bool rows = true) : DeviceWrapper(inner)
{
    public override IUnitOperators Operators { get; } = new PartialOperators(inner.Operators, groups, rows: rows);
}

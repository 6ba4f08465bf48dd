using Horizon.Flow.Devices;
using Horizon.Flow.Host.Memory;
using Horizon.Flow.Host.Store;
using Horizon.Flow.Resources;

namespace Horizon.Flow.Tests.Resources;

public class DeviceSlotTests
{
    private static readonly (string, string, long[])[] _wide = [("a", "t.a", [2, 3]), ("b", "t.b", [4])];

    [Fact]
    public void ViewsOf_LayoutsOfOneKindThatDiffer_GivesEachItsOwn()
    {
        using var device = new CpuDevice();
        using var slot = new DeviceSlot(device.Allocate(10, ElementType.Float32));
        var first = new UnitLayout("layer 0", "decoder layer", _wide);
        var second = new UnitLayout("layer 1", "decoder layer", [("b", "u.b", [4]), ("a", "u.a", [3, 2])]);
        Assert.Equal([2L, 3], slot.ViewsOf(first)["a"].shape);
        Assert.Equal([3L, 2], slot.ViewsOf(second)["a"].shape);
        Assert.Same(slot.ViewsOf(first), slot.ViewsOf(first));
    }

    [Fact]
    public void ViewsOf_EqualLayouts_SharesOneSet()
    {
        using var device = new CpuDevice();
        using var slot = new DeviceSlot(device.Allocate(10, ElementType.Float32));
        Assert.Same(slot.ViewsOf(new UnitLayout("layer 0", "one kind", _wide)), slot.ViewsOf(new UnitLayout("layer 1", "another", _wide)));
    }
}

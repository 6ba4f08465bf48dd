using Horizon.Flow.Devices;
using Horizon.Flow.Graph;
using Horizon.Flow.Host.Store;
using Horizon.Flow.Resources;
using Horizon.Flow.Tests.Training;

namespace Horizon.Flow.Tests.Resources;

/// <summary>Pools larger than the device are refused before anything is allocated, in a sentence with the bytes.</summary>
public class DeviceMemoryTests
{
    [Theory]
    [InlineData(0, true)]
    [InlineData(-1, false)]
    public async Task Start_PoolsBesideFreeMemory_AreRefusedWhereTheyDoNotFit(long more, bool fits)
    {
        var plan = SmallRun.Plan();
        var needed = MemoryBudget.Of(plan, StorePrecision.Fp32).DeviceBytes;
        using var store = SmallRun.NewStore(plan);
        using var inner = new CpuDevice();
        using var device = new FullDevice(inner, needed + more);
        if (fits)
        {
            await using var run = plan.Start(store, device);
            await (await run.BeginStepAsync(SmallRun.Batch())).Report;
            return;
        }

        var told = Assert.Throws<PlanException>(() => plan.Start(store, device)).Message;
        Assert.Contains("device memory: the pools take", told, StringComparison.Ordinal);
        Assert.Contains(PoolNames.DeviceWeights, told, StringComparison.Ordinal);
        Assert.Equal(0, device.Allocations);
    }

    // None of it is free: what runs before this one used is kept by libtorch, and given again.
    private sealed class FullDevice(IComputeDevice inner, long all) : DeviceWrapper(inner)
    {
        public int Allocations { get; private set; }

        public override long? MemoryBytes => all;

        public override long? FreeMemoryBytes => 0;

        public override DeviceBuffer Allocate(long elements, Horizon.Flow.Host.Memory.ElementType type)
        {
            Allocations++;
            return base.Allocate(elements, type);
        }
    }
}

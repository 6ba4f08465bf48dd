using Horizon.Flow.Devices;
using Horizon.Flow.Runs.Planning;
using Horizon.Flow.Tests.Shared;

namespace Horizon.Flow.Cli.Tests.Runs;

public class MachineRatesTests
{
    [Fact]
    public async Task Measure_ThisMachine_GivesEveryRateAndLeavesNoFile()
    {
        using var folder = new TemporaryFolder();
        using var device = ComputeDevice.Parse("cpu");
        var rates = await MachineProbe.MeasureAsync(device, folder.Path);
        Assert.All([rates.MatrixOperations, rates.Up, rates.Down, rates.HostMemory, rates.DeviceMemory, rates.Disk], rate => Assert.InRange(rate, 1e6, 1e15));
        Assert.True(rates.IsMeasured);
        Assert.Equal(device.Name, rates.Device);
        Assert.Empty(Directory.GetFileSystemEntries(folder.Path));
    }

    [Theory]
    [InlineData("NVIDIA H100 80GB HBM3", "assumed: those of an H100", 682e12)]
    [InlineData("NVIDIA GeForce RTX 4090", "assumed: those of an RTX 4090", 114e12)]
    [InlineData("Tesla T4", "assumed: those of a T4", 45e12)]
    [InlineData("a GPU", "assumed: those of an H100", 682e12)]
    public void Assumed_Gpu_IsKnownByItsName(string name, string source, double rate)
    {
        var rates = MachineRates.Assumed(name, gpu: true);
        Assert.Equal(source, rates.Source);
        Assert.Equal(rate, rates.MatrixOperations, 1e12);
        Assert.False(rates.IsMeasured);
    }
}

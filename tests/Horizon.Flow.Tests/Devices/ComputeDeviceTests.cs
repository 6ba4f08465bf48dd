using Horizon.Flow.Devices;

namespace Horizon.Flow.Tests.Devices;

public class ComputeDeviceTests
{
    [Theory]
    [InlineData("gpu")]
    [InlineData("")]
    [InlineData("cuda:")]
    [InlineData("cuda:-1")]
    [InlineData("cuda:one")]
    [InlineData("cuda:99999999999")]
    public void Parse_UnknownName_NamesTheKnownOnes(string name)
    {
        var error = Assert.Throws<HorizonException>(() => ComputeDevice.Parse(name));
        Assert.Equal($"device '{name}' is unknown: use auto, cpu, cuda or cuda:N, such as cuda:0.", error.Message);
    }

    [Fact]
    public void Parse_Cpu_ComputesInHostMemory()
    {
        using var device = ComputeDevice.Parse("cpu");
        Assert.IsType<CpuDevice>(device);
        Assert.Null(device.MemoryBytes);
        Assert.Null(device.FreeMemoryBytes);
        Assert.StartsWith("cpu", device.Name, StringComparison.Ordinal);
    }

    [Fact]
    public void Parse_Auto_OpensADevice()
    {
        using var device = ComputeDevice.Parse("auto");
        if (CudaDevice.Count == 0) Assert.IsType<CpuDevice>(device);
    }

    [Fact]
    public void Parse_DeviceThatIsNotThere_SaysWhatThereIs()
    {
        var error = Assert.Throws<HorizonException>(() => ComputeDevice.Parse("cuda:1000"));
        Assert.Contains(CudaDevice.Count == 0 ? "NVIDIA driver" : "There is no device cuda:1000", error.Message, StringComparison.Ordinal);
        Assert.Contains("device: cpu", error.Message, StringComparison.Ordinal);
    }
}

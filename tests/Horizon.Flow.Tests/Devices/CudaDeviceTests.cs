using Horizon.Flow.Devices;
using Horizon.Flow.Host.Memory;
using Horizon.Flow.Units;
using Xunit.Abstractions;

namespace Horizon.Flow.Tests.Devices;

/// <summary>These prove something only on a machine with a GPU; elsewhere each says so and ends. `horizon-bench device` does more.</summary>
public class CudaDeviceTests(ITestOutputHelper output)
{
    [Fact]
    public async Task UploadComputeDownload_OrderedByFencesAlone_GivesTheRightNumbers()
    {
        if (Open() is not { } device) return;
        using var _ = device;
        const int Count = 4 << 20;
        using var host = new HostBuffer(Count * sizeof(float));
        using var back = new HostBuffer(Count * sizeof(float));
        device.PageLock(host);
        device.PageLock(back);
        for (var i = 0; i < Count; i++) host.Span<float>(i, 1)[0] = i % 1000;
        using var buffer = device.Allocate(Count, ElementType.Float32);
        var uploaded = device.Upload(host, host.ByteLength, buffer, Fence.Completed);
        var computed = await device.Lane.RunAsync(() =>
        {
            device.ComputeWaits(uploaded);
            buffer.Flat.TimesInPlace(3);
            return device.RecordCompute();
        });
        await device.Download(buffer, back.ByteLength, back, computed).WaitAsync();
        Assert.True(uploaded.IsComplete && computed.IsComplete);
        for (var i = 0; i < Count; i++) Assert.Equal(3f * (i % 1000), back.Span<float>(i, 1)[0]);
        device.Unlock(host);
        device.Unlock(back);
    }

    [Fact]
    public void Allocate_MoreThanThereIs_SaysWhatToDo()
    {
        if (Open() is not { } device) return;
        using var _ = device;
        Assert.Throws<DeviceException>(() => device.Allocate(device.MemoryBytes!.Value, ElementType.Float32));
    }

    private CudaDevice? Open()
    {
        try
        {
            return new CudaDevice(0, output.WriteLine);
        }
        catch (HorizonException error)
        {
            output.WriteLine($"not run: {error.Message}");
            return null;
        }
    }
}

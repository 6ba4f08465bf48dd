using Horizon.Flow.Devices;
using Horizon.Flow.Host.Memory;

namespace Horizon.Flow.Testing.Tests;

public sealed class JitterDeviceTests
{
    /// <summary>Whoever awaits the copy is told; the end of the device would only hide what the test itself says.</summary>
    [Fact]
    public async Task Dispose_AfterACopyThatFailed_DoesNotThrow()
    {
        using var host = new HostBuffer(4);
        using var device = new JitterDevice(1);
        using var buffer = device.Allocate(1, ElementType.Float32);
        var upload = device.Upload(host, 4, buffer, new FailedFence());
        device.Unlock(host);
        Assert.True(upload.IsComplete);
        await Assert.ThrowsAsync<NotSupportedException>(async () => await upload.WaitAsync());
        Assert.Null(Record.Exception(device.Dispose));
    }

    private sealed class FailedFence : Fence
    {
        public override bool IsComplete => true;

        public override ValueTask WaitAsync(CancellationToken cancellationToken = default) => ValueTask.FromException(new NotSupportedException());
    }
}

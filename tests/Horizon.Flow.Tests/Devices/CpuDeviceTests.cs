using Horizon.Flow.Devices;
using Horizon.Flow.Host.Memory;
using Horizon.Flow.Tests.Shared;
using Horizon.Flow.Units;
using static TorchSharp.torch;

namespace Horizon.Flow.Tests.Devices;

public sealed class CpuDeviceTests : IDisposable
{
    private readonly CpuDevice _device = new();

    public void Dispose() => _device.Dispose();

    [Cases(40)]
    public void UploadThenDownload_AnyLengths_MovesExactlyTheBytesAskedFor(ushort elements, ushort part, int seed)
    {
        var bytes = 4L * (elements + 1);
        var copied = part % (bytes + 1);
        RoundTrip(elements + 1L, ElementType.Float32, copied, seed);
    }

    [Fact]
    public void UploadThenDownload_LargeOddLength_CopiesEveryPiece() =>
        RoundTrip((20L << 20) + 12345, ElementType.UInt8, (20L << 20) + 12343, 7);

    [Fact]
    public async Task Upload_ThenCompute_SeesTheNumbers()
    {
        using var host = new HostBuffer(12);
        using var buffer = _device.Allocate(3, ElementType.Float32);
        new float[] { 1, 2, 4 }.CopyTo(host.Span<float>(0, 3));
        var uploaded = _device.Upload(host, 12, buffer, Fence.Completed);
        var computed = await _device.Lane.RunAsync(() =>
        {
            _device.ComputeWaits(uploaded);
            buffer.Flat.TimesInPlace(2);
            return _device.RecordCompute();
        });
        await _device.Download(buffer, 12, host, computed).WaitAsync();
        Assert.Equal([2f, 4f, 8f], host.Span<float>(0, 3).ToArray());
    }

    [Theory]
    [InlineData(ElementType.Float32, ScalarType.Float32)]
    [InlineData(ElementType.BFloat16, ScalarType.BFloat16)]
    [InlineData(ElementType.Float16, ScalarType.Float16)]
    [InlineData(ElementType.Int64, ScalarType.Int64)]
    [InlineData(ElementType.Int32, ScalarType.Int32)]
    [InlineData(ElementType.Int16, ScalarType.Int16)]
    [InlineData(ElementType.UInt8, ScalarType.Byte)]
    public void Allocate_EachType_GivesAZeroedFlatTensorOfItsSize(ElementType type, ScalarType expected)
    {
        using var buffer = _device.Allocate(5, type);
        Assert.Equal(expected, buffer.Flat.dtype);
        Assert.Equal([5L], buffer.Flat.shape);
        Assert.Equal(buffer.Flat.ElementSize * 5, buffer.ByteLength);
        using var sum = buffer.Flat.to(ScalarType.Float64).sum();
        Assert.Equal(0.0, sum.item<double>());
    }

    [Fact]
    public void Allocate_InsideADisposeScope_OutlivesIt()
    {
        DeviceBuffer buffer;
        using (NewDisposeScope()) buffer = _device.Allocate(2, ElementType.Float32);
        Assert.False(buffer.Flat.IsInvalid);
        buffer.Dispose();
        buffer.Dispose();
        Assert.True(buffer.Flat.IsInvalid);
    }

    [Fact]
    public void Allocate_MoreThanThereIs_SaysHowMuchAndWhatToDo()
    {
        var error = Assert.Throws<DeviceException>(() => _device.Allocate(1L << 50, ElementType.Float32));
        Assert.Contains("fewer device buffers", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(-1)]
    [InlineData(9)]
    [InlineData(13)]
    public void Copies_BytesOutsideABuffer_Throw(long bytes)
    {
        using var host = new HostBuffer(8);
        using var buffer = _device.Allocate(3, ElementType.Float32);
        Assert.Throws<ArgumentOutOfRangeException>(() => _device.Upload(host, bytes, buffer, Fence.Completed));
        Assert.Throws<ArgumentOutOfRangeException>(() => _device.Download(buffer, bytes, host, Fence.Completed));
    }

    [Fact]
    public void Fences_OnTheCpu_AreComplete()
    {
        Assert.True(_device.RecordCompute().IsComplete);
        Assert.True(Fence.Completed.WaitAsync().IsCompletedSuccessfully);
    }

    [Fact]
    public async Task TwoDevices_InOneProcess_HaveTheirOwnLanes()
    {
        using var other = new CpuDevice();
        using var hold = new ManualResetEventSlim();
        var held = _device.Lane.RunAsync(hold.Wait);
        await other.Lane.RunAsync(hold.Set); // would never come if the lanes were one
        await held;
    }

    /// <summary>Also where another device of the process has chosen another number meanwhile, and libtorch's own has changed.</summary>
    [Fact]
    public async Task Threads_OfTwoDevices_AreTheirOwn()
    {
        using var three = new CpuDevice(threads: 3);
        using var one = new CpuDevice(threads: 1);
        using var chosen = new CpuDevice();
        Assert.Equal(3, await three.Lane.RunAsync(get_num_threads));
        Assert.Equal(1, await one.Lane.RunAsync(get_num_threads));
        Assert.Equal(_device.Threads, await chosen.Lane.RunAsync(get_num_threads));

        await one.UseThreadsAsync(2);
        Assert.Equal((2, 2), (one.Threads, await one.Lane.RunAsync(get_num_threads)));
        Assert.Equal(3, await three.Lane.RunAsync(get_num_threads));
        Assert.Throws<ArgumentOutOfRangeException>(() => new CpuDevice(threads: 0));
    }

    private void RoundTrip(long elements, ElementType type, long copied, int seed)
    {
        using var source = new HostBuffer(elements * type.ByteSize());
        using var target = new HostBuffer(source.ByteLength);
        using var buffer = _device.Allocate(elements, type);
        var sent = source.Span<byte>(0, (int)source.ByteLength);
        new Random(seed).NextBytes(sent);
        _device.PageLock(source);
        _device.Upload(source, copied, buffer, Fence.Completed);
        _device.Download(buffer, buffer.ByteLength, target, Fence.Completed);
        _device.Unlock(source);
        var received = target.Span<byte>(0, (int)target.ByteLength);
        Assert.True(sent[..(int)copied].SequenceEqual(received[..(int)copied]));
        Assert.Equal(-1, received[(int)copied..].IndexOfAnyExcept((byte)0));
    }
}

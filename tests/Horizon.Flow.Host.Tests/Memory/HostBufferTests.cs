using Horizon.Flow.Host.Memory;
using Horizon.Flow.Host.Workers;
using Horizon.Flow.Tests.Shared;

namespace Horizon.Flow.Host.Tests;

public sealed class HostBufferTests
{
    private const int HugePage = 2 * 1024 * 1024;

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(63)]
    [InlineData(HugePage - 1)]
    [InlineData(HugePage)]
    [InlineData(HugePage + 1)]
    [InlineData((3 * HugePage) + 4097)]
    public void Constructor_AnyLength_IsExactZeroedAndAligned(int length)
    {
        using var buffer = new HostBuffer(length);
        Assert.Equal(length, buffer.ByteLength);
        Assert.Equal(0, buffer.Address % (length >= HugePage ? HugePage : 64));
        Assert.True(buffer.Span<byte>(0, length).IndexOfAnyExcept((byte)0) < 0);
        buffer.Span<byte>(0, length).Fill(7);
    }

    [Cases(20)]
    public void Touch_ContentAndSize_Stay(uint length)
    {
        using var workers = new HostWorkers(2);
        using var buffer = new HostBuffer(length % (5 * HugePage));
        var bytes = buffer.Span<byte>(0, (int)buffer.ByteLength);
        new Random((int)length).NextBytes(bytes);
        var before = bytes.ToArray();
        buffer.Touch(workers);
        Assert.True(bytes.SequenceEqual(before));
    }

    [Fact]
    public void Span_OutsideTheBuffer_IsRefused()
    {
        using var buffer = new HostBuffer(16);
        Assert.Equal(2, buffer.Span<float>(2, 2).Length);
        Assert.Throws<ArgumentOutOfRangeException>(() => buffer.Span<float>(3, 2).Length);
        Assert.Throws<ArgumentOutOfRangeException>(() => buffer.Span<float>(long.MaxValue, 1).Length);
        Assert.Throws<ArgumentOutOfRangeException>(() => buffer.Span<float>(-1, 1).Length);
    }

    [Fact]
    public void Dispose_Twice_LeavesNothingToUse()
    {
        var buffer = new HostBuffer(HugePage);
        buffer.Dispose();
        buffer.Dispose();
        Assert.Throws<ObjectDisposedException>(() => buffer.Address);
    }

    [Fact]
    public void Constructor_MoreThanTheSystemHas_Throws() =>
        Assert.Throws<OutOfMemoryException>(() => new HostBuffer(1L << 60));
}

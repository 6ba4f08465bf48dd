using Horizon.Flow;
using Horizon.Flow.Host.Memory;
using Horizon.Flow.Host.Store;

namespace Horizon.Examples.Tests;

public class MappedStoreTests
{
    [Theory]
    [InlineData(StorePrecision.Fp32)]
    [InlineData(StorePrecision.Bf16)]
    public async Task RunAsync_StoreInFiles_IsBitwiseTheStoreInMemory(StorePrecision precision)
    {
        var shown = await MappedStoreExample.RunAsync(TextWriter.Null, steps: 4, precision);
        Assert.True(shown.InFiles.IsBitwise(shown.InMemory));
        Assert.True(shown.InFiles.Parameters.Zip(shown.FromDisk).All(pair => pair.First.AsSpan().SequenceEqual(pair.Second)));
        Assert.Equal(12 * Tiny.Model.ParameterCount, shown.FileBytes);
        Assert.True(shown.BufferBytes < shown.FileBytes / 5);
    }

    [Fact]
    public void Map_WrittenAndReopened_HoldsWhatWasWritten()
    {
        var path = Path.GetTempFileName();
        try
        {
            using (var buffer = HostBuffer.Map(path, 64, 1000))
            {
                Assert.True(buffer.IsMapped);
                Assert.Equal(0, buffer.Address % 64);
                buffer.Span<byte>(999, 1)[0] = 42;
                buffer.Flush();
            }

            Assert.Equal(1064, new FileInfo(path).Length);
            Assert.Equal(42, File.ReadAllBytes(path)[1063]);
            Assert.Throws<ArgumentOutOfRangeException>(() => HostBuffer.Map(path, 8, 8));
            Assert.Throws<HorizonException>(() => HostBuffer.Map(Path.Combine(path, "below a file"), 0, 8));
        }
        finally
        {
            File.Delete(path);
        }
    }
}

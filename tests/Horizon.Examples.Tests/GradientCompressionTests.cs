namespace Horizon.Examples.Tests;

public class GradientCompressionTests
{
    [Fact]
    public async Task RunAsync_EightBits_LearnsAsWellAndANoOpIsBitwise()
    {
        var shown = await GradientCompressionExample.RunAsync(TextWriter.Null, steps: 20);
        Assert.True(shown.Plain.IsBitwise(shown.PassThrough));
        Assert.False(shown.Plain.IsBitwise(shown.Compressed));
        Assert.Equal(shown.Plain.LastLoss, shown.Compressed.LastLoss, 0.05 * shown.Plain.Reports[0].Loss);
        Assert.InRange((double)shown.Compressor.BytesBefore / shown.Compressor.BytesAfter, 3.8, 4);
    }
}

using Horizon.Flow.Tests.Shared;

namespace Horizon.Flow.Cli.Tests.Printing;

public class PrintedWriterTests
{
    [Cases(200)]
    public async Task Write_InAnyWay_GivesTheSameText(string[] texts)
    {
        using var inner = new StringWriter { NewLine = "\n" };
        using var raw = new UnfailingWriter(inner);
        using var printed = new PrintedWriter(raw);
        using var expected = new StringWriter { NewLine = "\n" };
        for (var i = 0; i < texts.Length; i++)
        {
            var text = texts[i] ?? "";
            expected.WriteLine(Printable.Text(text));
            switch (i % 5)
            {
                case 0: printed.WriteLine(text); break;
                case 1: await printed.WriteLineAsync(text); break;
                case 2: printed.Write(text.Replace("\r\n", "\n", StringComparison.Ordinal).ToCharArray()); printed.WriteLine(); break;
                case 3: await printed.WriteAsync(text); await printed.WriteLineAsync(); break;
                default: printed.Write(text.AsSpan()); printed.WriteLine(); break;
            }
        }

        Assert.Equal(expected.ToString(), inner.ToString());
        Assert.Null(printed.TakeFailure());
    }

    [Fact]
    public async Task Write_ToABrokenWriter_LosesTheTextAndTellsOnce()
    {
        using var raw = new UnfailingWriter(new BrokenWriter());
        using var printed = new PrintedWriter(raw);
        await printed.WriteLineAsync("text");
        printed.Write("text");
        printed.Flush();
        Assert.Equal("Input/output error", printed.TakeFailure());
        Assert.Null(printed.TakeFailure());
    }

    [Fact]
    public void Write_ToWhatCannotBeOpened_LosesTheTextAndTells()
    {
        using var raw = new UnfailingWriter(() => throw new UnauthorizedAccessException("Bad file descriptor."));
        raw.WriteLine("text");
        Assert.Equal("Bad file descriptor", raw.Failure);
        Assert.Null(raw.Inner);
    }
}

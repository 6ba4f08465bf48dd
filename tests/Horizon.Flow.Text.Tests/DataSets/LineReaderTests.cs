using FsCheck.Xunit;
using Horizon.Flow.Text.Data;

namespace Horizon.Flow.Text.Tests;

public class LineReaderTests
{
    [Property(MaxTest = 300)]
    public void Read_AnyText_GivesTheLinesOfReadLine(string?[] parts, byte[] ends)
    {
        string[] between = ["\n", "\r\n", "\r", "", new string('x', 20_000)];
        var text = string.Concat(parts.Zip(ends, (part, end) => part + between[end % between.Length]));
        using var reader = new LineReader(new StringReader(text));
        var expected = new StringReader(text);
        while (expected.ReadLine() is { } line) Assert.Equal(line, reader.Read());
        Assert.Null(reader.Read());
    }

    [Fact]
    public void Read_GigabytesWithoutALineEnd_IsRefusedByFileAndLine()
    {
        using var folder = new TemporaryFolder();
        var file = folder.Write("a.jsonl", "{\"text\":\"x\"}\n");
        using (var stream = new FileStream(file, FileMode.Open)) stream.SetLength(2L << 30); // a hole, which takes no room on the disk
        var error = Assert.Throws<HorizonException>(() => RecordReader.Read(file).Count());
        Assert.StartsWith($"{file}, line 2 cannot be read: the line has more than", error.Message, StringComparison.Ordinal);
        Assert.Contains("cut it into several files", Assert.Throws<HorizonException>(() => RecordReader.ReadText(file)).Message, StringComparison.Ordinal);
    }
}

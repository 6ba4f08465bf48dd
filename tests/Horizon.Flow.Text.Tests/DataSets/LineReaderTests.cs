using System.Text;
using Horizon.Flow.Tests.Shared;
using Horizon.Flow.Text.Data;
using Horizon.Flow.Text.Tokens;

namespace Horizon.Flow.Text.Tests;

public class LineReaderTests
{
    [Cases(300)]
    public void Read_AnyText_GivesTheLinesOfReadLine(string?[] parts, byte[] ends)
    {
        string[] between = ["\n", "\r\n", "\r", "", new string('x', 70_000)];
        var bytes = Encoding.UTF8.GetBytes(string.Concat(parts.Zip(ends, (part, end) => part + between[end % between.Length])));
        using var reader = new LineReader(new MemoryStream(bytes));
        var expected = new StringReader(Encoding.UTF8.GetString(bytes));
        while (expected.ReadLine() is { } line)
        {
            Assert.True(reader.Read(out var read, out var fault));
            Assert.Null(fault);
            Assert.Equal(line, Encoding.UTF8.GetString(read));
        }

        Assert.False(reader.Read(out _, out _));
    }

    /// <summary>Whatever bytes stand between ends of lines: each line is its bytes where these are text, and has a fault where not.</summary>
    [Cases(300)]
    public void Read_AnyBytes_FaultsTheLinesThatAreNoText(byte[][] lines)
    {
        lines = [.. lines.Select(line => line.Where(b => b is not ((byte)'\r' or (byte)'\n')).ToArray())];
        using var reader = new LineReader(new MemoryStream([.. lines.SelectMany(line => (byte[])[.. line, (byte)'\n'])]));
        foreach (var line in lines)
        {
            Assert.True(reader.Read(out var read, out var fault));
            Assert.Equal(IsText(line) ? line : [], read);
            Assert.Equal(IsText(line), fault is null);
        }

        Assert.False(reader.Read(out _, out _));
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

    /// <summary>A line that cannot be read is one bad record, named by file and line; those after it are read.</summary>
    [Fact]
    public void Read_LineOfOtherBytesOrTooLong_IsLeftOutAndCounted()
    {
        using var folder = new TemporaryFolder();
        var file = Path.Combine(folder.Path, "a.jsonl");
        using (var stream = new FileStream(file, FileMode.Create))
        {
            Write("{\"text\":\"first\"}\n{\"text\":\"caf");
            stream.Write([0xE9]);
            Write("\"}\r\n{\"text\":\"second\"}\n");
            stream.Seek(LineReader.Longest + 1, SeekOrigin.Current); // a hole, which takes no room on the disk
            Write("\n{\"text\":\"third\"}\n");

            void Write(string text) => stream.Write(Encoding.UTF8.GetBytes(text));
        }

        var read = DocumentSet.Read(new DataOptions { Path = file, MaxBadShare = 0.4 }, Data.Stories, Data.Stories.VocabularySize);
        Assert.Equal(["<s> first</s>", "<s> second</s>", "<s> third</s>"], read.Documents.Select(document => Data.Stories.Decode(document.InputIds, skipSpecialTokens: false)));
        Assert.Equal(2, read.BadRecords);
        Assert.Contains($"2 of 5 records are bad and left out; the first: {file}, line 2: the line is not UTF-8", Assert.Single(read.Notices), StringComparison.Ordinal);
        Assert.Equal(
            [null, "not UTF-8", null, $"more than {LineReader.Longest:N0} bytes", null],
            RecordReader.Read(file).Select(record => record.Fault is null ? null : record.Fault.Contains("UTF-8", StringComparison.Ordinal) ? "not UTF-8" : $"more than {LineReader.Longest:N0} bytes"));
        var error = Assert.Throws<HorizonException>(() => DocumentSet.Read(new DataOptions { Path = file }, Data.Stories, Data.Stories.VocabularySize));
        Assert.StartsWith($"{file}, line 2: the line is not UTF-8", error.Message, StringComparison.Ordinal);
    }

    /// <summary>The same of CSV's records and of text files.</summary>
    [Fact]
    public void Read_RecordOrFileOfOtherBytes_IsLeftOutAndCounted()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllBytes(Path.Combine(folder.Path, "a.csv"), [.. Encoding.UTF8.GetBytes("text\nfirst\ncaf"), 0xE9, .. Encoding.UTF8.GetBytes("\nsecond\n")]);
        File.WriteAllBytes(Path.Combine(folder.Path, "b.txt"), [0x61, 0xFF]);
        folder.Write("c.txt", "third");
        var read = DocumentSet.Read(new DataOptions { Path = folder.Path, MaxBadShare = 0.5 }, Data.Stories, Data.Stories.VocabularySize);
        Assert.Equal(["<s> first</s>", "<s> second</s>", "<s> third</s>"], read.Documents.Select(document => Data.Stories.Decode(document.InputIds, skipSpecialTokens: false)));
        Assert.Equal(2, read.BadRecords);
        Assert.Contains(read.Notices, notice => notice.Contains("2 of 5 records are bad and left out", StringComparison.Ordinal) && notice.Contains("a.csv, record 2: this is not UTF-8", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("utf-8")]
    [InlineData("utf-16")]
    [InlineData("utf-16BE")]
    [InlineData("utf-32")]
    [InlineData("utf-32BE")]
    public void Read_TextWithAMark_IsReadInItsEncoding(string name)
    {
        using var folder = new TemporaryFolder();
        foreach (var (file, text) in ((string, string)[])[("a.jsonl", "{\"text\":\"größer\"}\n{\"text\":\"東京\"}"), ("b.json", "[{\"text\":\"größer\"}, {\"text\":\"東京\"}]"), ("c.csv", "text\ngrößer\n東京")])
        {
            var encoding = Encoding.GetEncoding(name);
            File.WriteAllBytes(Path.Combine(folder.Path, file), [.. encoding.GetPreamble(), .. encoding.GetBytes(text)]);
            Assert.Equal(["größer", "東京"], RecordReader.Read(Path.Combine(folder.Path, file)).Select(record => record.Parse().Text("text")));
        }
    }

    private static bool IsText(byte[] bytes)
    {
        try
        {
            _ = new UTF8Encoding(false, throwOnInvalidBytes: true).GetString(bytes);
            return true;
        }
        catch (DecoderFallbackException)
        {
            return false;
        }
    }
}

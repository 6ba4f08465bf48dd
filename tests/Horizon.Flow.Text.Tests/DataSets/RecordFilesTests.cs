using System.IO.Compression;
using System.Text;
using Apache.Arrow;
using Apache.Arrow.Ipc;
using Apache.Arrow.Types;
using Horizon.Flow.Tests.Shared;
using Horizon.Flow.Text.Data;
using Horizon.Flow.Text.Tokens;
using Parquet.Serialization;
using ZstdSharp;

namespace Horizon.Flow.Text.Tests;

/// <summary>A record is the same whatever kind of file it is stored in.</summary>
public class RecordFilesTests
{
    private static readonly string[] Texts = ["plain", "with, comma", "two\nlines", "\"quoted\" 'and' \t tab", "", "ünïcode 中文 😀"];

    [Theory]
    [InlineData("a.csv", ',')]
    [InlineData("a.tsv", '\t')]
    public void Read_SeparatedValues_GivesEveryCell(string name, char separator)
    {
        using var folder = new TemporaryFolder();
        var lines = Texts.Select((text, i) => $"{i}{separator}\"{text.Replace("\"", "\"\"", StringComparison.Ordinal)}\"");
        var file = folder.Write(name, $"id{separator}text\r\n{string.Join("\r\n", lines)}\r\n");
        Assert.Equal(Texts, TextsOf(file));
    }

    [Theory]
    [InlineData("id,id\n1,2", "two columns have the same name")]
    [InlineData("text\n\"never closed", "")]
    [InlineData("text\nin the \"middle\"", "a.csv, line 2: this is not valid CSV, a quote stands inside a cell or is never closed: put quotes around the whole cell")]
    [InlineData("a,text\n1,2,3", "a.csv, record 1: there are 3 cells for 2 columns; put quotes")]
    public void Read_DamagedCsv_IsRefusedInOneSentence(string content, string complaint)
    {
        using var folder = new TemporaryFolder();
        var file = folder.Write("a.csv", content);
        var message = Assert.Throws<HorizonException>(() => DocumentSet.Read(new() { Path = file, MaxBadShare = 0 }, Data.Stories, 512)).Message;
        Assert.StartsWith(file, message, StringComparison.Ordinal);
        Assert.Contains(complaint, message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(".gz")]
    [InlineData(".zst")]
    public void Read_CompressedLines_GivesEachRecord(string extension)
    {
        using var folder = new TemporaryFolder();
        var file = Path.Combine(folder.Path, $"a.jsonl{extension}");
        File.WriteAllBytes(file, Compress(string.Join('\n', Texts.Select(text => System.Text.Json.JsonSerializer.Serialize(new { text }))), extension));
        Assert.Equal(Texts, TextsOf(file));
    }

    /// <summary>As where the user may not read it.</summary>
    [Theory]
    [InlineData("a.txt")]
    [InlineData("a.jsonl")]
    [InlineData("a.csv")]
    [InlineData("a.parquet")]
    [InlineData("a.arrow")]
    public void Read_FileThatCannotBeOpened_IsRefusedInOneSentence(string name)
    {
        using var folder = new TemporaryFolder();
        var file = folder.Write(name, "text");
        using var held = new FileStream(file, FileMode.Open, FileAccess.ReadWrite, FileShare.None);
        var message = Assert.Throws<HorizonException>(() => DocumentSet.Read(new() { Path = file }, Data.Stories, 512)).Message;
        Assert.StartsWith($"{file} cannot be read", message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("a.jsonl.gz")]
    [InlineData("a.txt.zst")]
    [InlineData("a.parquet")]
    [InlineData("a.arrow")]
    public void Read_DamagedFile_IsRefusedInOneSentence(string name)
    {
        using var folder = new TemporaryFolder();
        var file = folder.Write(name, "these bytes are nothing of the kind that the name says");
        var message = Assert.Throws<HorizonException>(() => DocumentSet.Read(new() { Path = file }, Data.Stories, 512)).Message;
        Assert.StartsWith(file, message, StringComparison.Ordinal);
        Assert.EndsWith("the file is cut off, damaged or not what its name says: copy or download it again.", message, StringComparison.Ordinal);
    }

    /// <summary>An array is read element by element, over many buffers, and its end is looked for.</summary>
    [Fact]
    public void Read_LongArray_GivesEachElementAndItsDamage()
    {
        using var folder = new TemporaryFolder();
        var texts = Enumerable.Range(0, 3000).Select(number => $"text {number} ünïcode").ToList();
        var array = $"\uFEFF [{string.Join(",\n", texts.Select(text => $"{{\"text\":\"{text}\"}}"))}]";
        Assert.Equal(texts, TextsOf(folder.Write("a.json", array)));
        Assert.Equal(texts.Take(5), RecordReader.Read(folder.Write("a.json", array)).Take(5).Select(record => record.Parse().Text("text")));
        foreach (var (damaged, line) in ((string, int)[])[(array[..^1], 3000), ($"{array}x", 3000), (array.Replace("text 2000", "text\"2000", StringComparison.Ordinal), 2001)])
        {
            var file = folder.Write("b.json", damaged);
            Assert.StartsWith($"{file}, line {line}: this is not valid JSON", Assert.Throws<HorizonException>(() => TextsOf(file)).Message, StringComparison.Ordinal);
        }
    }

    /// <summary>A small compressed file may hold an endless record.</summary>
    [Fact]
    public void Read_EndlessElement_IsRefused()
    {
        using var folder = new TemporaryFolder();
        var file = Path.Combine(folder.Path, "a.json.gz");
        using (var stream = new GZipStream(File.Create(file), CompressionLevel.Fastest))
        {
            stream.Write("[\""u8);
            for (var i = 0; i < 80; i++) stream.Write(Enumerable.Repeat((byte)'a', 1 << 20).ToArray());
        }

        Assert.Contains("one record has more than 67,108,864 bytes; cut it into several", Assert.Throws<HorizonException>(() => TextsOf(file)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Read_Parquet_GivesNestedTurns()
    {
        using var folder = new TemporaryFolder();
        var file = Path.Combine(folder.Path, "a.parquet");
        Talk[] talks = [.. Texts.Where(text => text.Length > 0).Select(text => new Talk { Messages = [new() { Role = "user", Content = "hi" }, new() { Role = "assistant", Content = text }], Id = 7 })];
        await ParquetSerializer.SerializeAsync(talks, file);
        var documents = DocumentSet.Read(new() { Path = file }, Data.Qwen, Data.Qwen.VocabularySize).Documents;
        Assert.Equal(talks.Length, documents.Count);
        foreach (var (talk, document) in talks.Zip(documents))
            Assert.EndsWith($"{talk.Messages![1].Content}<|im_end|>\n", Data.Qwen.Decode(document.InputIds, false), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Read_Arrow_GivesNestedTurns(bool isIndexed)
    {
        using var folder = new TemporaryFolder();
        var file = Path.Combine(folder.Path, "data-00000-of-00001.arrow");
        WriteArrow(file, isIndexed);
        var records = RecordReader.Read(file).Select(record => Encoding.UTF8.GetString(record.Json!)).ToList();
        Assert.Equal(
            ["""{"messages":[{"role":"user","content":"a"},{"role":"assistant","content":"b"}],"n":1}""", """{"messages":[{"role":"user","content":null}],"n":2}"""],
            records);
    }

    /// <summary>Bytes of no meaning end the reading with a sentence, never with another exception.</summary>
    [Cases(60)]
    public void Read_BytesCutOrChanged_ReadsOrRefuses(ushort cut, byte change, bool isArrow)
    {
        using var folder = new TemporaryFolder();
        var file = Path.Combine(folder.Path, isArrow ? "a.arrow" : "a.parquet");
        if (isArrow) WriteArrow(file, isIndexed: false);
        else ParquetSerializer.SerializeAsync(new[] { new Talk { Messages = [new() { Role = "user", Content = "a" }], Id = 1 } }, file).GetAwaiter().GetResult();
        var bytes = File.ReadAllBytes(file);
        bytes[cut % bytes.Length] ^= change;
        File.WriteAllBytes(file, bytes);
        try
        {
            foreach (var record in RecordReader.Read(file).Take(100)) _ = record.Json;
        }
        catch (HorizonException e)
        {
            Assert.StartsWith(file, e.Message, StringComparison.Ordinal);
        }
    }

    /// <summary>Half a data set is not the data set: what was cut off on its way here is refused, whatever its end looks like.</summary>
    [Theory]
    [InlineData(".gz", 0.5, 0)]
    [InlineData(".gz", 1, 8)]
    [InlineData(".gz", 1, 1)]
    [InlineData(".zst", 0.5, 0)]
    [InlineData(".zst", 1, 1)]
    public void Read_CompressedFileCutOff_IsRefused(string extension, double kept, int missing) =>
        AssertDamaged(extension, bytes => bytes[..((int)(bytes.Length * kept) - missing)]);

    [Fact]
    public void Read_GzipOfAnotherChecksum_IsRefused() => AssertDamaged(".gz", bytes => [.. bytes[..^8], (byte)(bytes[^8] ^ 1), .. bytes[^7..]]);

    /// <summary>Such as bgzip and cat write.</summary>
    [Fact]
    public void Read_GzipOfTwoMembers_GivesBoth()
    {
        using var folder = new TemporaryFolder();
        var file = Path.Combine(folder.Path, "a.jsonl.gz");
        File.WriteAllBytes(file, [.. Compress(Lines(0, 1000), ".gz"), .. Compress(Lines(1000, 10), ".gz")]);
        Assert.Equal(Enumerable.Range(0, 1010).Select(number => $"text {number}"), TextsOf(file));
    }

    private static void AssertDamaged(string extension, Func<byte[], byte[]> damage)
    {
        using var folder = new TemporaryFolder();
        foreach (var name in (string[])["a.jsonl", "a.txt", "a.csv"])
        {
            var file = Path.Combine(folder.Path, name + extension);
            File.WriteAllBytes(file, damage(Compress(name == "a.csv" ? $"text\n{string.Join('\n', Enumerable.Range(0, 2000))}" : Lines(0, 2000), extension)));
            var message = Assert.Throws<HorizonException>(() => DocumentSet.Read(new() { Path = file }, Data.Stories, 512)).Message;
            Assert.StartsWith(file, message, StringComparison.Ordinal);
            Assert.EndsWith("the file is cut off, damaged or not what its name says: copy or download it again.", message, StringComparison.Ordinal);
        }
    }

    private static string Lines(int first, int count) =>
        string.Concat(Enumerable.Range(first, count).Select(number => $"{{\"text\":\"text {number}\"}}\n"));

    private static List<string> TextsOf(string file) =>
        [.. RecordReader.Read(file).Select(record => record.Parse().Text("text"))];

    private static byte[] Compress(string text, string extension)
    {
        using var packed = new MemoryStream();
        using (Stream stream = extension == ".gz" ? new GZipStream(packed, CompressionLevel.Fastest, leaveOpen: true) : new CompressionStream(packed, leaveOpen: true))
            stream.Write(Encoding.UTF8.GetBytes(text));
        return packed.ToArray();
    }

    private static void WriteArrow(string file, bool isIndexed)
    {
        var fields = new[] { new Field("role", StringType.Default, true), new Field("content", StringType.Default, true) };
        var turn = new StructType(fields);
        var turns = new StructArray(
            turn, 3,
            [new StringArray.Builder().AppendRange(["user", "assistant", "user"]).Build(), new StringArray.Builder().Append("a").Append("b").AppendNull().Build()],
            ArrowBuffer.Empty);
        var list = new ListType(new Field("item", turn, true));
        var messages = new ListArray(list, 2, new ArrowBuffer.Builder<int>().AppendRange([0, 2, 3]).Build(), turns, ArrowBuffer.Empty);
        var schema = new Schema([new Field("messages", list, true), new Field("n", Int64Type.Default, true)], null);
        using var batch = new RecordBatch(schema, [messages, new Int64Array.Builder().AppendRange([1, 2]).Build()], 2);
        using var stream = File.Create(file);
        using var writer = isIndexed ? new ArrowFileWriter(stream, schema) : new ArrowStreamWriter(stream, schema);
        writer.WriteStart();
        writer.WriteRecordBatch(batch);
        writer.WriteEnd();
    }

    /// <summary>A record of a chat data set on the Hub.</summary>
    public sealed class Talk
    {
        /// <summary>The turns.</summary>
        [System.Text.Json.Serialization.JsonPropertyName("messages")]
        public List<Turn>? Messages { get; set; }

        /// <summary>Its number.</summary>
        [System.Text.Json.Serialization.JsonPropertyName("id")]
        public int Id { get; set; }
    }

    /// <summary>A turn.</summary>
    public sealed class Turn
    {
        /// <summary>Who speaks.</summary>
        [System.Text.Json.Serialization.JsonPropertyName("role")]
        public string? Role { get; set; }

        /// <summary>What is said.</summary>
        [System.Text.Json.Serialization.JsonPropertyName("content")]
        public string? Content { get; set; }
    }
}

using FsCheck;
using Horizon.Flow.Tests.Shared;
using Horizon.Flow.Text.Data;
using Horizon.Flow.Text.Tokenizers;
using Horizon.Flow.Text.Tokens;

namespace Horizon.Flow.Text.Tests;

/// <summary>Tokens that are kept are those that would be made, or they are made again.</summary>
public sealed class TokenCacheTests : IDisposable
{
    private const string Bad = "not json";

    private readonly TemporaryFolder _folder = new();

    private string Cache => Path.Combine(_folder.Path, "cache");

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Read_Again_FindsThemWithAllThatIsToBeSaid()
    {
        var file = WriteRecords("data.jsonl", "hello there", 3000);
        var (first, made) = Read(file);
        var (second, found) = Read(file);
        Assert.True(made);
        Assert.False(found);
        AssertSame(first, second);
        Assert.Contains(second.Notices, notice => notice.Contains("1 of 3,001 records", StringComparison.Ordinal));
        Assert.Equal(1, second.BadRecords);
        Assert.Single(Directory.GetFiles(Cache));
    }

    /// <summary>Length and time of a file say nothing of its bytes.</summary>
    [Fact]
    public void Read_OtherBytesOfTheSameLengthAndTime_MakesOthers()
    {
        var file = WriteRecords("data.jsonl", "hello there", 20);
        var time = File.GetLastWriteTimeUtc(file);
        var first = Read(file).Set;
        WriteRecords("data.jsonl", "hello where", 20);
        File.SetLastWriteTimeUtc(file, time);
        var (second, made) = Read(file);
        Assert.True(made);
        Assert.NotEqual(first.Documents[0].InputIds, second.Documents[0].InputIds);
    }

    [Fact]
    public void Read_OtherOptionsOrTokenizer_MakesOthers()
    {
        var file = WriteRecords("data.jsonl", "hello there", 20);
        Read(file);
        Assert.True(Read(file, options => options with { MaxSamples = 7 }).Made);
        Assert.True(Read(file, options => options with { Format = DataFormat.Text }).Made);
        Assert.True(Read(file, options => options with { MaxBadShare = 0.5 }).Made);
        Assert.True(Read(file, tokenizer: Data.Stories).Made);
        // How documents become rows is not of their tokens.
        Assert.False(Read(file, options => options with { SequenceLength = 5, Packing = false, Shuffle = false, HeldOutShare = 0.2 }).Made);
    }

    [Cases(40)]
    public void Read_DamagedCache_MakesThemAgain(NonNegativeInt where, byte with, bool isCut)
    {
        var file = WriteRecords("data.jsonl", "hello there", 40);
        var expected = Read(file).Set;
        var kept = Assert.Single(Directory.GetFiles(Cache));
        var whole = File.ReadAllBytes(kept);
        var bytes = whole.ToArray();
        var place = where.Get % bytes.Length;
        if (isCut) bytes = bytes[..place];
        else bytes[place] ^= (byte)(with | 1);
        File.Delete(kept); // the first set still reads the whole one
        File.WriteAllBytes(kept, bytes);
        var (again, made) = Read(file);
        Assert.True(made);
        AssertSame(expected, again);
        Assert.Equal(whole, File.ReadAllBytes(kept));
    }

    [Fact]
    public void Read_FolderThatCannotBe_SaysSoAndGoesOn()
    {
        var file = WriteRecords("data.jsonl", "hello there", 20);
        File.WriteAllText(Cache, "a file");
        var set = Read(file).Set;
        Assert.Equal(20, set.Documents.Count);
        Assert.Contains(set.Notices, notice => notice.Contains("data.cache", StringComparison.Ordinal));
    }

    [Fact]
    public void Read_WithoutFolderOrWithFewTokens_KeepsNothing()
    {
        var file = WriteRecords("data.jsonl", "hello there", 20);
        var without = DocumentSet.Read(new() { Path = file, MaxBadShare = 0.1 }, Data.Qwen, Data.Qwen.VocabularySize, mostHeld: 0);
        var few = DocumentSet.Read(new() { Path = file, MaxBadShare = 0.1, CacheFolder = Cache }, Data.Qwen, Data.Qwen.VocabularySize);
        AssertSame(without, few);
        Assert.False(Directory.Exists(Cache));
    }

    [Fact]
    public void Read_UnusedForMonths_IsRemovedAndOtherFilesAreNot()
    {
        Directory.CreateDirectory(Cache);
        var (old, young, other) = (Path.Combine(Cache, new string('a', 32) + ".tokens"), Path.Combine(Cache, new string('b', 32) + ".tokens"), Path.Combine(Cache, "mine.tokens"));
        foreach (var path in (string[])[old, young, other]) File.WriteAllText(path, "x");
        foreach (var path in (string[])[old, other]) File.SetLastWriteTimeUtc(path, TimeProvider.System.GetUtcNow().UtcDateTime.AddDays(-40));
        Read(WriteRecords("data.jsonl", "hello there", 20));
        Assert.Equal((false, true, true), (File.Exists(old), File.Exists(young), File.Exists(other)));
    }

    [Fact]
    public void Read_ManyRecords_TellsOfAllBytes()
    {
        var file = WriteRecords("data.jsonl", "hello there", 3000);
        var told = new List<DataProgress>();
        DocumentSet.Read(new() { Path = file, MaxBadShare = 0.1 }, Data.Qwen, Data.Qwen.VocabularySize, new Told(told.Add));
        var length = new FileInfo(file).Length;
        Assert.Equal((length, length, 3000L), (told[^1].BytesRead, told[^1].TotalBytes, told[^1].Documents));
        Assert.Equal(told.OrderBy(one => one.Documents), told);
    }

    private (DocumentSet Set, bool Made) Read(string file, Func<DataOptions, DataOptions>? change = null, HuggingFaceTokenizer? tokenizer = null)
    {
        tokenizer ??= Data.Qwen;
        var options = new DataOptions { Path = file, MaxBadShare = 0.1, CacheFolder = Cache };
        var made = false;
        var set = DocumentSet.Read(change?.Invoke(options) ?? options, tokenizer, tokenizer.VocabularySize, new Told(_ => made = true), mostHeld: 0);
        return (set, made);
    }

    private string WriteRecords(string name, string text, int count) =>
        _folder.Write(name, string.Join('\n', Enumerable.Range(0, count).Select(i => $$"""{"text":"{{text}} {{i}}"}""").Append(Bad)));

    private static void AssertSame(DocumentSet expected, DocumentSet actual)
    {
        Assert.Equal(expected.Documents.Select(document => document.InputIds), actual.Documents.Select(document => document.InputIds));
        Assert.Equal(expected.Documents.Select(document => document.Labels), actual.Documents.Select(document => document.Labels));
        Assert.Equal(expected.Notices, actual.Notices);
    }

    private sealed class Told(Action<DataProgress> tell) : IProgress<DataProgress>
    {
        public void Report(DataProgress value) => tell(value);
    }
}

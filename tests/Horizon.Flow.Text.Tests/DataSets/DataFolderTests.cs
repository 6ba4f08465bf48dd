namespace Horizon.Flow.Text.Tests;

public class DataFolderTests
{
    [Theory]
    [InlineData("train.jsonl,test.json,validation.json,README.md,._train.txt,.git/x.txt,dataset_info.json", DataSplit.Train, "train.jsonl")]
    [InlineData("data/train-00000-of-00002.jsonl,data/train-00001-of-00002.jsonl,data/test-00000-of-00001.jsonl", DataSplit.Train, "data/train-00000-of-00002.jsonl,data/train-00001-of-00002.jsonl")]
    [InlineData("train/a.jsonl,test/train_like.jsonl,valid/a.jsonl", DataSplit.Train, "test/train_like.jsonl,train/a.jsonl")]
    [InlineData("a.jsonl,b.txt,dev.jsonl,sub/c.json", DataSplit.Train, "a.jsonl,b.txt,sub/c.json")]
    [InlineData("training_data.json,b.txt", DataSplit.Train, "training_data.json")]
    [InlineData("latest.json,trainer.json,contest.txt", DataSplit.Train, "contest.txt,latest.json,trainer.json")]
    [InlineData("train.txt,held-out.txt", DataSplit.Train, "train.txt")]
    [InlineData("train.txt,held-out.txt,test.txt", DataSplit.Validation, "held-out.txt")]
    [InlineData("train.txt,test.txt", DataSplit.Validation, "test.txt")]
    [InlineData("a.txt,train.txt", DataSplit.Validation, "a.txt")]
    [InlineData("B.txt,b.txt,LICENSE,LICENSE.txt,run.py,x.parquet", DataSplit.Train, "B.txt,b.txt")]
    public void Find_Folder_TakesTheSplitByName(string files, DataSplit split, string expected)
    {
        using var folder = Folder(files);
        var (found, notice) = DataFiles.Find(new() { Path = folder.Path, Split = split });
        Assert.Equal(expected, string.Join(',', found.Select(file => Path.GetRelativePath(folder.Path, file))));
        foreach (var passed in files.Split(',').Except(expected.Split(',')).Where(file => !file.StartsWith(".git/", StringComparison.Ordinal)))
            Assert.Contains(passed, notice, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("test.json,dev.json", DataSplit.Train, "no files to train on: dev.json, test.json are of other splits")]
    [InlineData("train.json", DataSplit.Validation, "no files to evaluate on: train.json is of other splits")]
    [InlineData("train.parquet,test.jsonl,README.md", DataSplit.Train, "train.parquet (not read here: Parquet)")]
    [InlineData("a.csv,b.jsonl.gz", DataSplit.Train, "b.jsonl.gz (not read here: gzip)")]
    [InlineData("README.md", DataSplit.Train, "no data files that are read here")]
    public void Find_FolderWithoutSuchFiles_NamesWhatThereIs(string files, DataSplit split, string complaint)
    {
        using var folder = Folder(files);
        var error = Assert.Throws<HorizonException>(() => DataFiles.Find(new() { Path = folder.Path, Split = split }));
        Assert.Contains(complaint, error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("a.parquet", DataFormat.Auto, "is Parquet, which is not read here; read are text (.txt, .md)")]
    [InlineData("a.parquet", DataFormat.Text, "is Parquet")]
    [InlineData("a.csv", DataFormat.Alpaca, "is CSV")]
    [InlineData("a.jsonl.gz", DataFormat.Auto, "is gzip")]
    [InlineData("a.jsonl.zst", DataFormat.Messages, "is Zstandard")]
    public void Find_FileOfAKindThatIsNotRead_NamesItAndWhatIs(string file, DataFormat format, string complaint)
    {
        using var folder = Folder(file);
        var error = Assert.Throws<HorizonException>(() => DataFiles.Find(new() { Path = Path.Combine(folder.Path, file), Format = format }));
        Assert.Contains(complaint, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Find_TextOfAnyNameThatIsSaidToBeText_IsTaken()
    {
        using var folder = Folder("a.csv");
        Assert.Single(DataFiles.Find(new() { Path = Path.Combine(folder.Path, "a.csv"), Format = DataFormat.Text }).Files);
    }

    [Fact]
    public void Find_JsonFormat_PassesTextsOver()
    {
        using var folder = Folder("a.jsonl,notes.txt");
        var (files, notice) = DataFiles.Find(new() { Path = folder.Path, Format = DataFormat.Messages });
        Assert.EndsWith("a.jsonl", Assert.Single(files), StringComparison.Ordinal);
        Assert.Contains("notes.txt (plain text)", notice, StringComparison.Ordinal);
    }

    /// <summary>Links to files are how Hugging Face's cache holds a data set; a link to a folder may lead anywhere, and in circles.</summary>
    [Fact]
    public void Find_Links_FollowsFilesAndNotFolders()
    {
        using var folder = Folder("a.jsonl");
        File.CreateSymbolicLink(Path.Combine(folder.Path, "b.jsonl"), Path.Combine(folder.Path, "a.jsonl"));
        Directory.CreateSymbolicLink(Path.Combine(folder.Path, "circle"), folder.Path);
        var (files, notice) = DataFiles.Find(new() { Path = folder.Path });
        Assert.Equal(["a.jsonl", "b.jsonl"], files.Select(Path.GetFileName));
        Assert.Contains("circle (links to other folders)", notice, StringComparison.Ordinal);
    }

    private static TemporaryFolder Folder(string files)
    {
        var folder = new TemporaryFolder();
        foreach (var file in files.Split(','))
        {
            Directory.CreateDirectory(Path.GetDirectoryName(Path.Combine(folder.Path, file))!);
            folder.Write(file, """{"text":"x"}""");
        }

        return folder;
    }
}

using Horizon.Flow.Text.Data;

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
    [InlineData("B.txt,b.txt,LICENSE,LICENSE.txt,run.py,x.orc", DataSplit.Train, "B.txt,b.txt")]
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
    [InlineData("train.orc,test.jsonl,README.md", DataSplit.Train, "train.orc (not read here: ORC)")]
    [InlineData("a.xlsx,b.parquet.gz", DataSplit.Train, "b.parquet.gz (not read here: compressed Parquet)")]
    [InlineData("README.md", DataSplit.Train, "no data files that are read here")]
    public void Find_FolderWithoutSuchFiles_NamesWhatThereIs(string files, DataSplit split, string complaint)
    {
        using var folder = Folder(files);
        var error = Assert.Throws<HorizonException>(() => DataFiles.Find(new() { Path = folder.Path, Split = split }));
        Assert.Contains(complaint, error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("a.orc", DataFormat.Auto, "is ORC, which is not read here; read are text (.txt, .md)")]
    [InlineData("a.orc", DataFormat.Text, "is ORC")]
    [InlineData("a.xml", DataFormat.Alpaca, "is XML")]
    [InlineData("a.arrow.gz", DataFormat.Auto, "is compressed Arrow")]
    [InlineData("a.jsonl.xz", DataFormat.Messages, "is xz")]
    public void Find_FileOfAKindThatIsNotRead_NamesItAndWhatIs(string file, DataFormat format, string complaint)
    {
        using var folder = Folder(file);
        var error = Assert.Throws<HorizonException>(() => DataFiles.Find(new() { Path = Path.Combine(folder.Path, file), Format = format }));
        Assert.Contains(complaint, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Find_TextOfAnyNameThatIsSaidToBeText_IsTaken()
    {
        using var folder = Folder("a.xml");
        Assert.Single(DataFiles.Find(new() { Path = Path.Combine(folder.Path, "a.xml"), Format = DataFormat.Text }).Files);
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

    /// <summary>A folder of a stranger's may not read any file of this machine; the file that the user names may lie anywhere.</summary>
    [Fact]
    public void Find_LinkOutOfTheFolder_IsRefused()
    {
        using var outside = Folder("secret.jsonl");
        using var folder = Folder("a.jsonl");
        var link = Path.Combine(folder.Path, "b.jsonl");
        File.CreateSymbolicLink(link, Path.Combine(outside.Path, "secret.jsonl"));
        Assert.Contains("leads out of its folder", Assert.Throws<HorizonException>(() => DataFiles.Find(new() { Path = folder.Path })).Message, StringComparison.Ordinal);
        Assert.Equal([link], DataFiles.Find(new() { Path = link }).Files);
    }

    [Theory]
    [InlineData("*.jsonl", "a.jsonl,test.jsonl")]
    [InlineData("**/*.jsonl", "a.jsonl,sub/b.jsonl,sub/deep/c.jsonl,test.jsonl")]
    [InlineData("sub/?.jsonl", "sub/b.jsonl")]
    [InlineData("s*/*", "sub/b.jsonl")]
    public void Find_Pattern_TakesWhatItNames(string pattern, string expected)
    {
        using var folder = Folder("a.jsonl,test.jsonl,x.txt,sub/b.jsonl,sub/deep/c.jsonl");
        var (files, _) = DataFiles.Find(new() { Path = Path.Combine(folder.Path, pattern) });
        Assert.Equal(expected, string.Join(',', files.Select(file => Path.GetRelativePath(folder.Path, file))));
    }

    [Fact]
    public void Find_SplitByItsOwnName_TakesThatOne()
    {
        using var folder = Folder("data/train_sft-00000-of-00001.jsonl,data/train_gen-00000-of-00001.jsonl,data/test_sft-00000-of-00001.jsonl");
        var (files, _) = DataFiles.Find(new() { Path = folder.Path, SplitName = "train_sft" });
        Assert.EndsWith("train_sft-00000-of-00001.jsonl", Assert.Single(files), StringComparison.Ordinal);
        Assert.Contains("no split 'dpo'", Assert.Throws<HorizonException>(() => DataFiles.Find(new() { Path = folder.Path, SplitName = "dpo" })).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Find_SplitOfAPattern_TakesThatOneAndOfAFileIsRefused()
    {
        using var folder = Folder("train_sft.jsonl,test_sft.jsonl,train_sft.json");
        var (files, _) = DataFiles.Find(new() { Path = Path.Combine(folder.Path, "*.jsonl"), SplitName = "train_sft" });
        Assert.EndsWith("train_sft.jsonl", Assert.Single(files), StringComparison.Ordinal);
        var error = Assert.Throws<HorizonException>(() => DataFiles.Find(new() { Path = files[0], SplitName = "train_sft" }));
        Assert.Contains("is one file, which has no split 'train_sft': leave data.split out", error.Message, StringComparison.Ordinal);
    }

    /// <summary>What cannot hold what is named is not looked into: a pattern may stand above very much else.</summary>
    [Theory]
    [InlineData("*.jsonl", "a", false)]
    [InlineData("s*/*.jsonl", "sub", true)]
    [InlineData("s*/*.jsonl", "other", false)]
    [InlineData("s*/*.jsonl", "sub/deep", false)]
    [InlineData("s*/**/*.jsonl", "sub/deep/deeper", true)]
    [InlineData("s*/**/*.jsonl", "other/deep", false)]
    [InlineData("**/x/*.jsonl", "any/where", true)]
    public void Enters_Folder_WhereTheNamedMayLie(string pattern, string folder, bool expected) => Assert.Equal(expected, new FilePattern(pattern).Enters(folder));

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

using System.Text;
using System.Text.Json;
using Horizon.Flow.Host.ModelFolders;
using Horizon.Flow.Host.Safetensors;

namespace Horizon.Flow.Host.Tests;

public sealed class WeightFilesTests : IDisposable
{
    private readonly TestFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Open_AnySingleFile_FindsItsTensors()
    {
        Write("adapter.safetensors", "x", "y");
        using var checkpoint = WeightFiles.Open(_folder.Path);
        Assert.Equal(["x", "y"], checkpoint.TensorNames.Order());
        Assert.Equal(SafetensorsType.F32, checkpoint.Find("x")!.Type);
        Assert.Null(checkpoint.Find("z"));
    }

    [Fact]
    public void Open_Shards_FindsEachTensorInItsFile()
    {
        Write("a.safetensors", "x", "unlisted");
        Write("b.safetensors", "y");
        WriteIndex(("x", "a.safetensors"), ("y", "b.safetensors"));
        using var checkpoint = WeightFiles.Open(_folder.Path);
        Assert.Equal(["x", "y"], checkpoint.TensorNames.Order());
        Assert.Equal(_folder["b.safetensors"], checkpoint.Find("y")!.File);
    }

    [Fact]
    public void Open_SingleFileBesideIndex_PrefersTheSingleFile()
    {
        Write("model.safetensors", "x");
        WriteIndex(("y", "gone.safetensors"));
        using var checkpoint = WeightFiles.Open(_folder.Path);
        Assert.Equal(["x"], checkpoint.TensorNames);
    }

    [Theory]
    [InlineData("../outside.safetensors")]
    [InlineData("/etc/passwd")]
    [InlineData("sub/a.safetensors")]
    [InlineData("..\\outside.safetensors")]
    [InlineData("C:outside.safetensors")]
    [InlineData("..")]
    [InlineData(".")]
    [InlineData("")]
    [InlineData("a\0b")]
    public void Open_IndexNamesAPath_IsRefused(string file)
    {
        WriteIndex(("x", file));
        AssertRefused("no file of this folder");
    }

    [Theory]
    [InlineData("[]", "not a JSON object")]
    [InlineData("{}", "no weight_map")]
    [InlineData("{\"weight_map\":[]}", "not an object")]
    [InlineData("{\"weight_map\":{\"x\":1}}", "no file name for tensor x")]
    [InlineData("{\"weight_map\":{\"x\":\"a\",\"x\":\"b\"}}", "x is listed twice")]
    [InlineData("{\"weight_map\":{},\"weight_map\":{}}", "weight_map twice")]
    [InlineData("{\"weight_map\":{\"x\":\"a\"}", "not valid JSON")]
    [InlineData("", "is empty")]
    public void Open_BadIndex_IsRefusedWithReason(string json, string reason)
    {
        _folder.Write("model.safetensors.index.json", Encoding.UTF8.GetBytes(json));
        AssertRefused(reason);
    }

    [Fact]
    public void Open_ShardMissing_IsNamed()
    {
        WriteIndex(("x", "gone.safetensors"));
        AssertRefused("gone.safetensors");
    }

    [Fact]
    public void Open_TensorMissingFromItsShard_IsNamed()
    {
        Write("a.safetensors", "x");
        WriteIndex(("x", "a.safetensors"), ("lost", "a.safetensors"));
        AssertRefused("lost");
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Open_LinkOutOfTheFolder_IsRefused(bool isShard)
    {
        using var outside = new TestFolder();
        outside.Write("a.safetensors", NaiveSafetensors.Build(("x", NaiveSafetensors.Floats("F32", 1))));
        if (isShard) WriteIndex(("x", "a.safetensors"));

        File.CreateSymbolicLink(_folder["a.safetensors"], outside["a.safetensors"]);
        AssertRefused("leads out of its folder");

        // Through a link to a folder, so that the path alone looks harmless.
        File.Delete(_folder["a.safetensors"]);
        Directory.CreateSymbolicLink(_folder["sub"], outside.Path);
        File.CreateSymbolicLink(_folder["a.safetensors"], "sub/a.safetensors");
        AssertRefused("leads out of its folder");
    }

    [Fact]
    public void Open_LinksInACircle_AreRefused()
    {
        WriteIndex(("x", "a.safetensors"));
        File.CreateSymbolicLink(_folder["a.safetensors"], "b");
        File.CreateSymbolicLink(_folder["b"], "a.safetensors");
        AssertRefused("a.safetensors");
    }

    [Theory]
    [InlineData("snapshots/abc", "../../blobs/0123")]
    [InlineData("snapshots/abc/subfolder", "../../../blobs/0123")]
    public void Open_HuggingFaceCache_FollowsLinksToItsBlobs(string place, string target)
    {
        Directory.CreateDirectory(_folder["blobs"]);
        var snapshot = Directory.CreateDirectory(_folder[place]).FullName;
        Write("blobs/0123", "x");
        File.CreateSymbolicLink(Path.Combine(snapshot, "a.safetensors"), target);
        WriteIndex(("x", "a.safetensors"));
        File.Move(_folder["model.safetensors.index.json"], Path.Combine(snapshot, "model.safetensors.index.json"));
        using var checkpoint = WeightFiles.Open(snapshot);
        Assert.Equal(["x"], checkpoint.TensorNames);
    }

    [Fact]
    public void Open_IndexWithAByteOrderMark_IsRead()
    {
        Write("a.safetensors", "x");
        WriteIndex(("x", "a.safetensors"));
        _folder.Write("model.safetensors.index.json", [0xEF, 0xBB, 0xBF, .. File.ReadAllBytes(_folder["model.safetensors.index.json"])]);
        using var checkpoint = WeightFiles.Open(_folder.Path);
        Assert.Equal(["x"], checkpoint.TensorNames);
    }

    [Fact]
    public void Open_LinkThatLeadsNowhere_IsNamedAndNotPassedOver()
    {
        File.CreateSymbolicLink(_folder["model.safetensors"], "gone");
        AssertRefused("model.safetensors cannot be read");
    }

    /// <summary>Folders that are taken for a model's: what they are, and what to do.</summary>
    [Theory]
    [InlineData("adapter_config.json adapter_model.safetensors", "PEFT adapter, which is no whole model; merge it")]
    [InlineData("pytorch_model.bin", "PyTorch's pickled weights, which are programs and not opened; save the model as safetensors")]
    [InlineData("model-q4.gguf", "GGUF weights, which are made for inference; name the folder of the model's safetensors files (found: model-q4.gguf)")]
    [InlineData("snapshots/abc/config.json blobs/0", "root of a model in the Hugging Face cache; name one of its snapshots: ")]
    public void Open_FolderOfAnotherKind_IsNamed(string files, string sentence)
    {
        foreach (var file in files.Split(' '))
        {
            Directory.CreateDirectory(Path.GetDirectoryName(_folder[file])!);
            Write(file, "x");
        }

        AssertRefused(sentence);
    }

    [Fact]
    public void Open_GitLfsPointer_IsNamed()
    {
        _folder.Write("model.safetensors", Encoding.UTF8.GetBytes($"version https://git-lfs.github.com/spec/v1\noid sha256:{new string('0', 64)}\nsize 1000\n"));
        AssertRefused("is a Git LFS pointer, not the file itself; run 'git lfs pull'");
    }

    [Fact]
    public void Open_NothingOrTooMuch_IsRefused()
    {
        AssertRefused("holds neither");
        Write("a.safetensors", "x");
        Write("b.safetensors", "y");
        AssertRefused("2 safetensors files");
        Assert.Contains("gone", Assert.Throws<HorizonException>(() => WeightFiles.Open(_folder["gone"])).Message, StringComparison.Ordinal);
    }

    private void Write(string file, params string[] tensors) =>
        _folder.Write(file, NaiveSafetensors.Build([.. tensors.Select(name => (name, NaiveSafetensors.Floats("F32", 1)))]));

    private void WriteIndex(params (string Tensor, string File)[] places) => _folder.Write(
        "model.safetensors.index.json",
        JsonSerializer.SerializeToUtf8Bytes(new { weight_map = places.ToDictionary(place => place.Tensor, place => place.File) }));

    private void AssertRefused(string reason) => Assert.Contains(
        reason, Assert.Throws<HorizonException>(() => WeightFiles.Open(_folder.Path)).Message, StringComparison.Ordinal);
}

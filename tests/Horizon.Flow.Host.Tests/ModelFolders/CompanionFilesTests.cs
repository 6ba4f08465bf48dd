using System.Runtime.Versioning;
using Horizon.Flow.Host.ModelFolders;
using Horizon.Flow.Tests.Hostile;

namespace Horizon.Flow.Host.Tests;

public sealed class CompanionFilesTests : IDisposable
{
    private readonly TestFolder _source = new();
    private readonly TestFolder _target = new();

    public void Dispose()
    {
        _source.Dispose();
        _target.Dispose();
    }

    [Fact]
    public async Task Copy_WhatOtherToolsAndTheLawNeed_IsCopiedAndNothingElse()
    {
        string[] companions =
        [
            "LICENSE", "License.txt", "NOTICE", "USE_POLICY.md", "additional_chat_templates/tool_use.jinja", "chat_template.jinja", "generation_config.json",
            "preprocessor_config.json", "qwen.tiktoken", "tokenizer.json", "tokenizer.model",
        ];
        Directory.CreateDirectory(_source["additional_chat_templates"]);
        foreach (var name in (string[])[.. companions, "README.md", "config.json", "model.safetensors", "modeling_custom.py", "tokenizer.json.partial"]) _source.Write(name, [(byte)name.Length]);
        await CopyAsync();
        Assert.Equal(companions.Order(StringComparer.Ordinal), Names(_target));
        Assert.All(companions, name => Assert.Equal([(byte)name.Length], File.ReadAllBytes(_target[name])));
    }

    /// <summary>A shared or stored folder is often read-only; the copies are new files like any other, whatever the umask is.</summary>
    [Fact]
    [UnsupportedOSPlatform("windows")]
    public async Task Copy_ReadOnlyFiles_GiveFilesWithTheModeOfNewOnes()
    {
        File.SetUnixFileMode(_source.Write("tokenizer.json", [1]), UnixFileMode.UserRead | UnixFileMode.GroupRead | UnixFileMode.OtherRead);
        await CopyAsync();
        await CopyAsync();
        Assert.Equal(File.GetUnixFileMode(_target.Write("new", [1])), File.GetUnixFileMode(_target["tokenizer.json"]));
    }

    [Fact]
    public async Task Copy_OverAnEarlierModel_LeavesNoneOfItsCompanions()
    {
        _source.Write("tokenizer.json", [1]);
        _target.Write("tokenizer.json", [2]);
        _target.Write("LICENSE", [2]);
        _target.Write("mine", [2]);
        await CopyAsync();
        Assert.Equal(["mine", "tokenizer.json"], Names(_target));
        Assert.Equal([1], File.ReadAllBytes(_target["tokenizer.json"]));
        await CompanionFiles.CopyAsync(_target.Path, _target.Path, ["tokenizer.json"]);
        Assert.Equal([1], File.ReadAllBytes(_target["tokenizer.json"]));
    }

    [Theory]
    [InlineData("pipe")]
    [InlineData("/dev/zero")]
    [InlineData("outside")]
    [InlineData("nowhere")]
    public void Find_WhatIsNoFileOfTheFolder_IsRefusedByName(string kind)
    {
        using var outside = new TestFolder();
        if (kind == "pipe") SpecialFile.Pipe(_source["vocab.json"]);
        else File.CreateSymbolicLink(_source["vocab.json"], kind == "outside" ? outside.Write("secret", [1]) : kind);
        var error = Assert.Throws<HorizonException>(() => CompanionFiles.Find(_source.Path));
        Assert.Contains(_source["vocab.json"], error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Copy_FileThatChangedMeanwhile_IsNamedAfterAllOthersWereCopied()
    {
        _source.Write("merges.txt", [1]);
        _source.Write("tokenizer.json", [1]);
        var names = CompanionFiles.Find(_source.Path);
        File.Delete(_source["merges.txt"]);
        SpecialFile.Pipe(_source["merges.txt"]);
        var error = await Assert.ThrowsAsync<HorizonException>(() => CompanionFiles.CopyAsync(_source.Path, _target.Path, names));
        Assert.Contains(_source["merges.txt"], error.Message, StringComparison.Ordinal);
        Assert.Equal(["tokenizer.json"], Names(_target));
    }

    [Fact]
    public async Task Copy_LinksInTheTarget_AreNotFollowed()
    {
        using var outside = new TestFolder();
        _source.Write("tokenizer.json", [1]);
        foreach (var name in new[] { "tokenizer.json", "tokenizer.json.partial", "LICENSE" }) File.CreateSymbolicLink(_target[name], outside.Write(name, [9]));
        await CopyAsync();
        Assert.All(Directory.GetFiles(outside.Path), file => Assert.Equal([9], File.ReadAllBytes(file)));
        Assert.Equal(["tokenizer.json"], Names(_target));
        Assert.Equal([1], File.ReadAllBytes(_target["tokenizer.json"]));
    }

    private static IEnumerable<string> Names(TestFolder folder) => Directory
        .EnumerateFiles(folder.Path, "*", SearchOption.AllDirectories).Select(file => Path.GetRelativePath(folder.Path, file)).Order(StringComparer.Ordinal);

    private Task CopyAsync() => CompanionFiles.CopyAsync(_source.Path, _target.Path, CompanionFiles.Find(_source.Path));
}

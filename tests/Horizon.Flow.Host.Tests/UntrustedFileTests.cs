using Horizon.Flow.Host.Files;
using Horizon.Flow.Tests.Hostile;

namespace Horizon.Flow.Host.Tests;

public class UntrustedFileTests
{
    [Fact]
    public void Check_AnythingButAFileOfASensibleSize_IsRefused()
    {
        using var folder = new TestFolder();
        var file = folder.Write("file", [1, 2, 3]);
        var link = Path.Combine(folder.Path, "link");
        File.CreateSymbolicLink(link, file);
        Assert.Equal((3, 3), (UntrustedFile.Check(file, 3, "a file"), UntrustedFile.Check(link, 3, "a file")));
        Assert.Contains("has 3 bytes, too many for a file (at most 2)", Refused(link, 2), StringComparison.Ordinal);
        Assert.Contains("is empty, or a pipe or device", Refused("/dev/zero", 9), StringComparison.Ordinal);
        Assert.Contains("is empty, or a pipe or device", Refused(folder.Write("empty", []), 9), StringComparison.Ordinal);
        var loop = Path.Combine(folder.Path, "loop");
        File.CreateSymbolicLink(loop, loop);
        Assert.Contains("cannot be read", Refused(loop, 9), StringComparison.Ordinal);
        Assert.Contains("cannot be read", Refused(Path.Combine(folder.Path, "missing"), 9), StringComparison.Ordinal);
    }

    /// <summary>None of these may be opened: a pipe without a writer waits for ever, a device does not end.</summary>
    [Theory]
    [InlineData("pipe", "is empty, or a pipe or device")]
    [InlineData("link to the pipe", "is empty, or a pipe or device")]
    [InlineData("endless", "is a link that leads out of its folder, to /dev/zero")]
    [InlineData("secret", "is a link that leads out of its folder")]
    [InlineData("through a folder", "is a link that leads out of its folder")]
    [InlineData("nowhere", "cannot be read")]
    [InlineData("folder", "cannot be read")]
    public void ReadBytes_WhatIsNoFileOfTheFolder_IsRefusedByName(string name, string reason)
    {
        using var outside = new TestFolder();
        using var folder = new TestFolder();
        outside.Write("secret", [1]);
        SpecialFile.Pipe(folder["pipe"]);
        Directory.CreateDirectory(folder["folder"]);
        Directory.CreateSymbolicLink(folder["out"], outside.Path);
        foreach (var (link, target) in new[] { ("link to the pipe", "pipe"), ("endless", "/dev/zero"), ("secret", outside["secret"]), ("through a folder", "out/secret"), ("nowhere", "gone") })
            File.CreateSymbolicLink(folder[link], target);
        var error = Assert.Throws<HorizonException>(() => UntrustedFile.ReadBytes(folder[name], 9, "a file"));
        Assert.Contains(reason, error.Message, StringComparison.Ordinal);
        Assert.Contains(folder[name], error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void ReadText_Utf8_ComesWithoutItsMarkAndNothingElseComes()
    {
        using var folder = new TestFolder();
        folder.Write("file", [0xEF, 0xBB, 0xBF, (byte)'a']);
        File.CreateSymbolicLink(folder["link"], "file");
        Assert.Equal(("a", "a"), (UntrustedFile.ReadText(folder["file"], 9, "a file"), UntrustedFile.ReadText(folder["link"], 9, "a file")));
        folder.Write("file", [0xC3, 0x28]);
        Assert.Contains("not UTF-8", Assert.Throws<HorizonException>(() => UntrustedFile.ReadText(folder["file"], 9, "a file")).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Claim_WhatLiesInAnOutputFolder_IsNeitherFollowedNorWaitedFor()
    {
        using var folder = new TestFolder();
        var file = folder.Write("file", [1]);
        File.CreateSymbolicLink(folder["link"], file);
        SpecialFile.Pipe(folder["pipe"]);
        Assert.Contains($"is a link, to {file}", Assert.Throws<HorizonException>(() => OutputFile.Claim(folder["link"])).Message, StringComparison.Ordinal);
        OutputFile.Claim(file);
        OutputFile.Claim(folder["pipe"]);
        OutputFile.Claim(folder["missing"]);
        Assert.Equal([file, folder["link"]], Directory.GetFiles(folder.Path).Order());
    }

    [Fact]
    public void Message_ControlCharactersAndEndlessLines_AreMadeFitForATerminal()
    {
        var message = new HorizonException($"\u001b[2Jfile\r {new string('x', 100_000)} end\nsecond line").Message;
        Assert.StartsWith("\\u001b[2Jfile\\u000d xxx", message, StringComparison.Ordinal);
        Assert.EndsWith("xxx end\\u000asecond line", message, StringComparison.Ordinal);
        Assert.Equal("one\ntwo\\u000a", new HorizonException(["one", "two\n"]).Message);
        Assert.InRange(message.Length, 1000, 2000);
    }

    private static string Refused(string path, long longest) => Assert.Throws<HorizonException>(() => UntrustedFile.Check(path, longest, "a file")).Message;
}

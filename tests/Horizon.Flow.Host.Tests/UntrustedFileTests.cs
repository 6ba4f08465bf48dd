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
        Assert.Contains("empty or no file", Refused("/dev/zero", 9), StringComparison.Ordinal);
        Assert.Contains("empty or no file", Refused(folder.Write("empty", []), 9), StringComparison.Ordinal);
        var loop = Path.Combine(folder.Path, "loop");
        File.CreateSymbolicLink(loop, loop);
        Assert.Contains("cannot be read", Refused(loop, 9), StringComparison.Ordinal);
        Assert.Contains("cannot be read", Refused(Path.Combine(folder.Path, "missing"), 9), StringComparison.Ordinal);
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

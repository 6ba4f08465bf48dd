using Horizon.Flow.Graph;

namespace Horizon.Flow.Cli.Tests;

public class ErrorReportTests
{
    [Fact]
    public void Write_TextOfAFileInAMessage_CannotPoseAsALineOrColour()
    {
        var (code, output) = Report(new HorizonException("tensor 'a\nerror: all is well\u001b[32m' is unknown"));
        Assert.Equal((ExitCodes.Failure, "error: tensor 'a\\u000aerror: all is well\\u001b[32m' is unknown\n"), (code, output));
        (code, output) = Report(StageException.InForeignBlock("update", null, new IOException("'x\nerror: y'")));
        Assert.Equal(ExitCodes.Failure, code);
        Assert.Single(output.Split('\n', StringSplitOptions.RemoveEmptyEntries));
    }

    [Fact]
    public void Write_SeveralProblems_IsALineEach()
    {
        var (_, output) = Report(new AggregateException(new HorizonException(["one\nline", "another"])));
        Assert.Equal("error: one\\u000aline\nerror: another\n", output);
    }

    [Fact]
    public void Write_OutOfMemory_IsOneSentenceAndNoBug()
    {
        var (code, output) = Report(StageException.InForeignBlock("upload", null, new OutOfMemoryException()));
        Assert.Equal(ExitCodes.Failure, code);
        Assert.StartsWith("error: stage 'upload' failed", output, StringComparison.Ordinal);
        Assert.Contains("gives no more memory", output, StringComparison.Ordinal);
        (code, output) = Report(new OutOfMemoryException());
        Assert.Equal(ExitCodes.Failure, code);
        Assert.StartsWith("error: out of memory: ", output, StringComparison.Ordinal);
    }

    [Fact]
    public void Write_TooManyOpenFiles_SaysWhatToRaise()
    {
        var (code, output) = Report(new IOException("Too many open files : '/data/a'", 24));
        Assert.Equal((ExitCodes.Failure, "error: Too many open files : '/data/a': the process may open no more files at once; raise ulimit -n\n"), (code, output));
    }

    private static (int Code, string Output) Report(Exception error)
    {
        using var output = new StringWriter { NewLine = "\n" };
        return (ErrorReport.Write(error, output, verbose: false), output.ToString());
    }
}

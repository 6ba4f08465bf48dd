using Horizon.Flow.Tests.Shared;

namespace Horizon.Flow.Cli.Tests;

public sealed class LimitsTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("64", "unlimited", "the process may open 64 files at once, a run needs 256; raise ulimit -n", false)]
    [InlineData("1024", "2147483648", "the process's address space is limited to 2 GiB, ", true)]
    [InlineData("1024", "8589934592", null, true)]
    [InlineData("1024", "unlimited", null, false)]
    public void ProblemAndRemark_Limits_AreSaid(string files, string addresses, string? problem, bool hasRemark)
    {
        var limits = _folder.Write("limits", $"""
            Limit                     Soft Limit           Hard Limit           Units
            Max open files            {files,-20} {files,-20} files
            Max address space         {addresses,-20} unlimited            bytes

            """);
        if (problem is null) Assert.Null(Limits.Problem(limits));
        else Assert.StartsWith(problem, Limits.Problem(limits), StringComparison.Ordinal);
        Assert.Equal(hasRemark, Limits.Remark(limits) is not null);
    }

    [Theory]
    [InlineData("")]
    [InlineData("Max open files\nMax address space  \n")]
    [InlineData("Max open files many\n")]
    public void ProblemAndRemark_NothingKnown_IsNone(string text)
    {
        var limits = _folder.Write("limits", text);
        Assert.Null(Limits.Problem(limits));
        Assert.Null(Limits.Remark(limits));
        Assert.Null(Limits.Problem(limits + "-missing"));
    }
}

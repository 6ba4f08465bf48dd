namespace Horizon.Examples.Tests;

public class OnPolicyTests
{
    /// <summary>The prompts are the same in every round, the draws are others: what was rewarded has become likelier.</summary>
    [Fact]
    public async Task RunAsync_ShareThatPasses_Rises()
    {
        var output = new StringWriter();
        var shares = await OnPolicyExample.RunAsync(output, Path.Combine(FindRoot(AppContext.BaseDirectory), "examples", "quickstart"));
        Assert.InRange(shares[0], 0, 0.5);
        Assert.True(shares[^1] > shares[0] + 0.3, output.ToString());
    }

    private static string FindRoot(string folder) => File.Exists(Path.Combine(folder, "Horizon.Flow.sln")) ? folder : FindRoot(Path.GetDirectoryName(folder)!);
}

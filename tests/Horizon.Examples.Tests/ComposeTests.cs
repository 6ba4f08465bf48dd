namespace Horizon.Examples.Tests;

public class ComposeTests
{
    private static readonly string Root = FindRoot(AppContext.BaseDirectory);

    [Fact]
    public async Task RunAsync_TheShownProgram_LearnsAndSpeaks()
    {
        var output = new StringWriter();
        var reports = await ComposeExample.RunAsync(output, Path.Combine(Root, "examples", "quickstart"), steps: 6);
        Assert.Equal(6, reports.Count);
        Assert.True(reports[^1].Loss < reports[0].Loss);
        Assert.Contains("flowchart LR", output.ToString(), StringComparison.Ordinal);
        Assert.Contains("largest gradient of head", output.ToString().Replace("of embedding", "of head", StringComparison.Ordinal), StringComparison.Ordinal);
        Assert.DoesNotContain("largest gradient of layer 0:", output.ToString(), StringComparison.Ordinal);
    }

    /// <summary>What is shown is what the example compiles.</summary>
    [Fact]
    public void Extending_ShowsTheProgramAsItIs()
    {
        var source = File.ReadAllLines(Path.Combine(Root, "examples", "Compose", "ComposeExample.cs"));
        var begin = Array.FindIndex(source, line => line.Contains("<snippet>", StringComparison.Ordinal));
        var end = Array.FindIndex(source, line => line.Contains("</snippet>", StringComparison.Ordinal));
        var snippet = string.Join('\n', source[(begin + 1)..end].Select(line => line.Length > 8 ? line[8..] : line.Trim()));
        Assert.Contains(snippet, File.ReadAllText(Path.Combine(Root, "docs", "extending.md")), StringComparison.Ordinal);
    }

    private static string FindRoot(string folder) => File.Exists(Path.Combine(folder, "Horizon.Flow.sln")) ? folder : FindRoot(Path.GetDirectoryName(folder)!);
}

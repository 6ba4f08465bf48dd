using System.Text.RegularExpressions;

namespace Horizon.Flow.Cli.Tests;

/// <summary>docs/correctness.md names tests that exist, in whichever project.</summary>
public partial class CorrectnessTableTests
{
    [Fact]
    public void Table_EveryTestNamed_Exists()
    {
        var root = FindRoot(AppContext.BaseDirectory);
        var rows = File.ReadAllLines(Path.Combine(root, "docs", "correctness.md")).Where(line => line.StartsWith("| ", StringComparison.Ordinal)).Skip(2).ToList();
        var files = Directory.GetFiles(Path.Combine(root, "tests"), "*.cs", SearchOption.AllDirectories).ToLookup(file => Path.GetFileNameWithoutExtension(file));
        Assert.NotEmpty(rows);
        foreach (var row in rows)
        {
            var named = Named().Matches(row);
            Assert.True(named.Count > 0, $"no test is named in: {row}");
            foreach (Match test in named)
            {
                // Public methods of a test class are its tests: an analyzer sees to that.
                var method = new Regex($@"\bpublic [^=;{{}}\n]*\b{test.Groups["method"].Value}\(");
                Assert.True(files[test.Groups["type"].Value].Any(file => method.IsMatch(File.ReadAllText(file))), $"there is no test {test.Value}");
            }
        }
    }

    [GeneratedRegex(@"`(?<type>[A-Za-z0-9]+Tests)\.(?<method>[A-Za-z0-9_]+)`")]
    private static partial Regex Named();

    private static string FindRoot(string folder) => File.Exists(Path.Combine(folder, "Horizon.Flow.sln")) ? folder : FindRoot(Path.GetDirectoryName(folder)!);
}

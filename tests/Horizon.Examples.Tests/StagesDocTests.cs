using System.Text.RegularExpressions;
using Horizon.Flow;

namespace Horizon.Examples.Tests;

/// <summary>docs/stages.md: a section for each stage of the default graph, and nothing shown that does not compile.</summary>
public partial class StagesDocTests
{
    private static readonly string Root = FindRoot(AppContext.BaseDirectory);

    [Fact]
    public void Stages_EachHasItsSection_AndItsTwinAsItCompiles()
    {
        var document = File.ReadAllText(Path.Combine(Root, "docs", "stages.md"));
        var source = Unindented(File.ReadAllText(Path.Combine(Root, "examples", "StockTwins", "StockTwins.cs")));
        var sections = document.Split("\n## ").Skip(1).ToDictionary(section => section.Split('\n')[0].ToLowerInvariant());
        var stages = TrainingPlan.For(Tiny.Model, Tiny.Options).Graph.Nodes.Select(node => node.Name).ToList();
        Assert.Equal(stages.Select(Plain).Order(), sections.Keys.Order());
        foreach (var name in stages)
        {
            var code = Code().Matches(sections[Plain(name)]).Select(match => match.Groups[1].Value).ToList();
            Assert.Equal(name == Stages.Join.Name ? 0 : 1, code.Count);
            Assert.All(code, text => Assert.Contains(text, source, StringComparison.Ordinal));
        }
    }

    private static string Plain(string stage) => stage.Replace("-", "", StringComparison.Ordinal);

    private static string Unindented(string source) => string.Join('\n', source.Split('\n').Select(line => line.StartsWith("    ", StringComparison.Ordinal) ? line[4..] : line));

    private static string FindRoot(string folder) => File.Exists(Path.Combine(folder, "Horizon.Flow.sln")) ? folder : FindRoot(Path.GetDirectoryName(folder)!);

    [GeneratedRegex("```csharp\n(.*?)```", RegexOptions.Singleline)]
    private static partial Regex Code();
}

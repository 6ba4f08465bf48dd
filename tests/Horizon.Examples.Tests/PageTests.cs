using System.Text.RegularExpressions;

namespace Horizon.Examples.Tests;

/// <summary>README.md and the pages of docs and examples: their code compiles somewhere, their links lead somewhere.</summary>
public partial class PageTests
{
    private static readonly string Root = FindRoot(AppContext.BaseDirectory);

    public static TheoryData<string> Pages => [.. All];

    private static IEnumerable<string> All => Under("docs", "*.md").Concat(Under("examples", "*.md")).Append("README.md");

    /// <summary>What a page shows as C# stands in an example or a test, but for white space.</summary>
    [Fact]
    public void Snippets_AreCompiledSomewhere()
    {
        var sources = Under("examples", "*.cs").Concat(Under("tests", "*.cs")).Select(file => Plain(Read(file))).ToList();
        var snippets = All.SelectMany(page => CSharp().Matches(Read(page)).Select(match => (Page: page, Code: match.Groups[1].Value))).ToList();
        Assert.NotEmpty(snippets);
        Assert.DoesNotContain(snippets, snippet => !sources.Exists(source => source.Contains(Plain(snippet.Code), StringComparison.Ordinal)));
    }

    /// <summary>A relative link names a file or folder, and a heading in it where it names one.</summary>
    [Theory]
    [MemberData(nameof(Pages))]
    public void Links_LeadToFilesAndHeadings(string page)
    {
        foreach (var target in Link().Matches(Fence().Replace(Read(page), "")).Select(match => match.Groups[1].Value).Where(target => !target.Contains("://", StringComparison.Ordinal)))
        {
            var (file, anchor) = target.Split('#') is [var before, var after] ? (before, after) : (target, "");
            var path = file.Length == 0 ? Path.Combine(Root, page) : Path.GetFullPath(Path.Combine(Root, Path.GetDirectoryName(page)!, file));
            Assert.True(Path.Exists(path), $"{page} leads to {target}, where nothing is");
            if (anchor.Length > 0) Assert.True(Headings(File.ReadAllText(path)).Contains(anchor), $"{page} leads to {target}, which has no such heading");
        }
    }

    // As GitHub makes them: small letters, digits, hyphens for spaces, the rest left out.
    private static HashSet<string> Headings(string text) =>
        [.. Heading().Matches(Fence().Replace(text, "")).Select(match => string.Concat(match.Groups[1].Value.Trim().ToLowerInvariant().Where(sign => char.IsLetterOrDigit(sign) || sign is ' ' or '-' or '_')).Replace(' ', '-'))];

    private static string Plain(string code) => string.Concat(code.Where(sign => !char.IsWhiteSpace(sign)));

    private static string Read(string page) => File.ReadAllText(Path.Combine(Root, page));

    private static IEnumerable<string> Under(string folder, string pattern) => Directory.EnumerateFiles(Path.Combine(Root, folder), pattern, SearchOption.AllDirectories)
        .Select(file => Path.GetRelativePath(Root, file)).Where(file => !file.Split(Path.DirectorySeparatorChar).Intersect(["bin", "obj", "output"]).Any()).Order(StringComparer.Ordinal);

    private static string FindRoot(string folder) => File.Exists(Path.Combine(folder, "Horizon.Flow.sln")) ? folder : FindRoot(Path.GetDirectoryName(folder)!);

    [GeneratedRegex("```csharp\n(.*?)```", RegexOptions.Singleline)]
    private static partial Regex CSharp();

    [GeneratedRegex("```.*?```", RegexOptions.Singleline)]
    private static partial Regex Fence();

    [GeneratedRegex(@"\]\(([^)\s]+)\)")]
    private static partial Regex Link();

    [GeneratedRegex("^#+ (.*)$", RegexOptions.Multiline)]
    private static partial Regex Heading();
}

using System.Reflection;
using System.Text.RegularExpressions;
using Horizon.Flow.Runs.Sections;
using YamlDotNet.RepresentationModel;

namespace Horizon.Flow.Runs.Tests.Loading;

/// <summary>A setting that a page names, in a sentence or in a configuration that it shows, exists.</summary>
public partial class PageSettingsTests
{
    private static readonly string[] Sections = [.. typeof(RunConfiguration).GetProperties().Where(property => property.PropertyType.IsClass && property.PropertyType != typeof(string)).Select(property => Plain(property.Name))];

    public static TheoryData<string> Pages => [.. new[] { "docs", Path.Combine("examples", "recipes") }
        .SelectMany(folder => Directory.GetFiles(Path.Combine(Root, folder), "*.md")).Select(file => Path.GetRelativePath(Root, file)).Append("README.md").Order(StringComparer.Ordinal)];

    private static string Root { get; } = FindRoot(AppContext.BaseDirectory);

    [Theory]
    [MemberData(nameof(Pages))]
    public void Settings_OfEveryPage_Exist(string page)
    {
        var text = File.ReadAllText(Path.Combine(Root, page));
        var named = Setting().Matches(text).Select(match => match.Groups[1].Value).Where(path => Sections.Contains(Plain(path.Split('.')[0])) && path is not ("model.visual" or "model.language_model"));
        var shown = Yaml().Matches(text).SelectMany(match => Keys(match.Groups[1].Value));
        Assert.DoesNotContain(named.Concat(shown), path => !Exists(typeof(RunConfiguration), path.Split('.')));
    }

    private static IEnumerable<string> Keys(string yaml)
    {
        var stream = new YamlStream();
        stream.Load(new StringReader(Unindented(yaml)));
        return stream.Documents.SelectMany(document => Below(document.RootNode, ""));
    }

    private static IEnumerable<string> Below(YamlNode node, string path) => node is not YamlMappingNode map || path == "data.roles" ? [path]
        : map.Children.SelectMany(child => Below(child.Value, path.Length == 0 ? child.Key.ToString() : $"{path}.{child.Key}"));

    private static bool Exists(Type section, string[] path) => path is []
        || (Array.Find(section.GetProperties(BindingFlags.Public | BindingFlags.Instance), property => Plain(property.Name) == Plain(path[0])) is { } found && Exists(found.PropertyType, path[1..]));

    private static string Plain(string name) => name.Replace("_", "", StringComparison.Ordinal).ToLowerInvariant();

    private static string Unindented(string yaml)
    {
        var lines = yaml.Split('\n');
        var most = lines.Where(line => line.Trim().Length > 0).Min(line => line.Length - line.TrimStart().Length);
        return string.Join('\n', lines.Select(line => line.Length > most ? line[most..] : line.TrimStart()));
    }

    private static string FindRoot(string folder) => File.Exists(Path.Combine(folder, "Horizon.Flow.sln")) ? folder : FindRoot(Path.GetDirectoryName(folder)!);

    [GeneratedRegex("`([a-z]+(?:\\.[a-z_]+)+)[`: ]")]
    private static partial Regex Setting();

    [GeneratedRegex("```yaml\n(.*?)```", RegexOptions.Singleline)]
    private static partial Regex Yaml();
}

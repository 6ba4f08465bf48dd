using System.IO.Compression;
using System.Text;
using System.Xml.Linq;

namespace Horizon.Packages.Tests;

/// <summary>What lies in the packages.</summary>
[Collection(nameof(PackageFeed))]
public class PackageTests(PackageFeed feed)
{
    public static TheoryData<string> Libraries => [.. Repository.Libraries];

    [Fact]
    public void Pack_Solution_GivesEveryLibraryItsSymbolsAndTheTool() => Assert.Equal(
        Repository.Libraries.Append("horizon").SelectMany(id => (string[])[$"{id}.{feed.Version}.nupkg", $"{id}.{feed.Version}.snupkg"]).Order(StringComparer.Ordinal),
        Directory.GetFiles(feed.Folder).Select(path => Path.GetFileName(path)).Order(StringComparer.Ordinal));

    [Theory]
    [MemberData(nameof(Libraries))]
    public void Pack_Library_HasReadmeLicenceDescriptionAndDocumentation(string library)
    {
        using var package = Open(library, "nupkg");
        var names = package.Entries.Select(entry => entry.FullName).ToList();
        Assert.Contains($"lib/net10.0/{library}.dll", names);
        Assert.Contains($"lib/net10.0/{library}.xml", names);
        var metadata = XDocument.Parse(Text(package, $"{library}.nuspec")).Root!.Elements().Single();
        string Value(string name) => metadata.Elements().Single(element => element.Name.LocalName == name).Value;
        Assert.Equal("Apache-2.0", Value("license"));
        Assert.NotEqual("Package Description", Value("description"));
        Assert.Contains("# Horizon.Flow", Text(package, Value("readme")), StringComparison.Ordinal);
        using var symbols = Open(library, "snupkg");
        Assert.Contains(symbols.Entries, entry => entry.FullName == $"lib/net10.0/{library}.pdb");
    }

    [Theory]
    [MemberData(nameof(Libraries))]
    public void Pack_Library_DependsOnOurOthersInTheSameVersionAndOnNoCuda(string library)
    {
        using var package = Open(library, "nupkg");
        var dependencies = XDocument.Parse(Text(package, $"{library}.nuspec")).Descendants().Where(element => element.Name.LocalName == "dependency").ToList();
        Assert.All(
            dependencies.Where(dependency => Repository.Libraries.Contains(dependency.Attribute("id")!.Value)),
            dependency => Assert.Equal(feed.Version, dependency.Attribute("version")!.Value));
        Assert.DoesNotContain(dependencies, dependency => dependency.Attribute("id")!.Value.Contains("cuda", StringComparison.OrdinalIgnoreCase));
    }

    [Fact]
    public void Pack_EveryEntry_NamesNoFolderOfThisMachine()
    {
        if (Repository.Configuration != "Release") return; // a debugger wants the paths
        foreach (var path in Directory.GetFiles(feed.Folder))
        {
            using var package = ZipFile.OpenRead(path);
            foreach (var entry in package.Entries.Where(IsOurs))
            {
                var content = Encoding.Latin1.GetString(Bytes(entry));
                foreach (var folder in (string[])[Repository.Root, Repository.PackageCache])
                {
                    Assert.False(content.Contains(folder, StringComparison.Ordinal), $"{Path.GetFileName(path)}: {entry.FullName} names {folder}");
                    Assert.False(content.Contains(Encoding.Latin1.GetString(Encoding.Unicode.GetBytes(folder)), StringComparison.Ordinal), $"{entry.FullName} names {folder}");
                }
            }
        }
    }

    [Fact]
    public async Task Pack_Again_GivesTheSameBytes()
    {
        var again = feed.In("again");
        await feed.PackAsync(Path.Combine(Repository.Root, "src", "Horizon.Flow"), again);
        foreach (var path in Directory.GetFiles(again)) Assert.Equal(File.ReadAllBytes(Path.Combine(feed.Folder, Path.GetFileName(path))), File.ReadAllBytes(path));
    }

    private static bool IsOurs(ZipArchiveEntry entry) =>
        Path.GetExtension(entry.Name) is ".json" or ".targets" or ".xml" or ".nuspec" or ".pdb" || (entry.Name.StartsWith("Horizon.", StringComparison.OrdinalIgnoreCase) && entry.Name.EndsWith(".dll", StringComparison.Ordinal));

    private ZipArchive Open(string library, string extension) => ZipFile.OpenRead(Path.Combine(feed.Folder, $"{library}.{feed.Version}.{extension}"));

    private static string Text(ZipArchive package, string name) => Encoding.UTF8.GetString(Bytes(package.GetEntry(name)!)).TrimStart('\ufeff');

    private static byte[] Bytes(ZipArchiveEntry entry)
    {
        using var stream = entry.Open();
        using var copy = new MemoryStream();
        stream.CopyTo(copy);
        return copy.ToArray();
    }
}

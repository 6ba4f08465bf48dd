using System.IO.Compression;

namespace Horizon.Packages.Tests;

/// <summary>Packages shaped like TorchSharp's for CUDA, several gigabytes there: a head, and parts that each bring a file of libtorch, here its name.</summary>
internal static class CudaPackages
{
    public static IReadOnlyList<string> Files { get; } = ["libtorch_cpu.so", "libtorch_cuda.so"];

    public static async Task WriteAsync(PackageFeed feed)
    {
        var platform = $"linux-{System.Runtime.InteropServices.RuntimeInformation.OSArchitecture.ToString().ToLowerInvariant()}";
        var parts = Files.Select((file, part) => (Id: $"libtorch-cuda-12.8-{platform}-part{part + 1}", File: file)).ToList();
        foreach (var (id, file) in parts)
            await WriteAsync(feed, id, [], ($"runtimes/{platform}/native/{file}", file), ($"runtimes/{platform}/native/{file}.sha", "checksum"));
        await WriteAsync(feed, "TorchSharp-cuda-linux", parts.Select(part => part.Id));
    }

    private static async Task WriteAsync(PackageFeed feed, string id, IEnumerable<string> dependencies, params (string Name, string Text)[] files)
    {
        using var package = ZipFile.Open(Path.Combine(feed.Others, $"{id}.{feed.Version}.nupkg"), ZipArchiveMode.Create);
        var list = string.Concat(dependencies.Select(dependency => $"""<dependency id="{dependency}" version="{feed.Version}" />"""));
        var nuspec = $"""
            <package xmlns="http://schemas.microsoft.com/packaging/2013/05/nuspec.xsd">
              <metadata>
                <id>{id}</id><version>{feed.Version}</version><authors>tests</authors><description>tests</description>
                <dependencies><group targetFramework="net8.0">{list}</group></dependencies>
              </metadata>
            </package>
            """;
        foreach (var (name, text) in files.Prepend(($"{id}.nuspec", nuspec)).Append(("lib/net8.0/_._", "")))
        {
            await using var writer = new StreamWriter(package.CreateEntry(name).Open());
            await writer.WriteAsync(text);
        }
    }
}

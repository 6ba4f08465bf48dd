using System.Reflection;

namespace Horizon.Packages.Tests;

/// <summary>The repository whose packages are tried.</summary>
internal static class Repository
{
    public static string Root { get; } = FindRoot(AppContext.BaseDirectory);

    /// <summary>The configuration that these tests, and so what they pack, were built in.</summary>
    public static string Configuration { get; } = Metadata("Configuration");

    /// <summary>Where this machine keeps the packages of others.</summary>
    public static string PackageCache { get; } = Metadata("PackageCache");

    /// <summary>The names of the libraries: every project that says that it is one.</summary>
    public static IReadOnlyList<string> Libraries { get; } =
    [
        .. Directory.GetFiles(Path.Combine(Root, "src"), "*.csproj", SearchOption.AllDirectories)
            .Where(file => File.ReadAllText(file).Contains("<HorizonKind>library</HorizonKind>", StringComparison.Ordinal))
            .Select(file => Path.GetFileNameWithoutExtension(file))
            .Order(StringComparer.Ordinal),
    ];

    private static string Metadata(string key) =>
        typeof(Repository).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().Single(attribute => attribute.Key == key).Value!;

    private static string FindRoot(string folder) =>
        File.Exists(Path.Combine(folder, "Horizon.Flow.sln")) ? folder : FindRoot(Path.GetDirectoryName(folder.TrimEnd(Path.DirectorySeparatorChar))!);
}

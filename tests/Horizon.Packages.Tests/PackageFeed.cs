namespace Horizon.Packages.Tests;

/// <summary>
/// Every package of the repository, packed into a folder feed under a version that no cache has seen, and beside it a clean package cache.
/// Packages of others may come from this machine's cache, so that no network is needed; ours can come from the feed alone.
/// </summary>
public sealed class PackageFeed : IAsyncLifetime
{
    private readonly string _root = Directory.CreateTempSubdirectory("horizon-packages-").FullName;

    public PackageFeed()
    {
        DotNet = new DotNet(In("cache"), In("temporary"));
        File.WriteAllText(In("nuget.config"), $"""
            <configuration>
              <packageSources><clear /><add key="feed" value="{Folder}" /><add key="others" value="{Others}" /></packageSources>
              <fallbackPackageFolders><clear /><add key="machine" value="{Repository.PackageCache}" /></fallbackPackageFolders>
            </configuration>
            """);
    }

    /// <summary>The version of every package in the feed.</summary>
    public string Version { get; } = $"0.1.0-try{Guid.NewGuid():n}"[..20];

    /// <summary>The feed.</summary>
    public string Folder => Directory.CreateDirectory(In("feed")).FullName;

    /// <summary>A folder for packages that tests make up.</summary>
    public string Others => Directory.CreateDirectory(In("others")).FullName;

    internal DotNet DotNet { get; }

    public Task InitializeAsync() => PackAsync(Path.Combine(Repository.Root, "Horizon.Flow.sln"), Folder);

    public Task DisposeAsync()
    {
        Directory.Delete(_root, recursive: true);
        return Task.CompletedTask;
    }

    /// <summary>A path beside the feed, whose packages a project there finds.</summary>
    public string In(string name) => Path.Combine(_root, name);

    /// <summary>Packs what is built already.</summary>
    internal Task PackAsync(string project, string folder) => DotNet.RunAsync(
        Repository.Root, "dotnet", "pack", project, "-c", Repository.Configuration, "--no-build", "-o", folder, $"-p:Version={Version}", "-v", "quiet");

    /// <summary>Writes a project that uses packages of the feed, and nothing else of the repository.</summary>
    /// <returns>Its folder.</returns>
    internal string WriteProject(string name, string source, params IEnumerable<(string Id, string Version)> packages)
    {
        var folder = Directory.CreateDirectory(In(name)).FullName;
        var references = packages.Select(package => $"""<PackageReference Include="{package.Id}" Version="{package.Version}" />""");
        File.WriteAllText(Path.Combine(folder, $"{name}.csproj"), $"""
            <Project Sdk="Microsoft.NET.Sdk">
              <PropertyGroup>
                <OutputType>Exe</OutputType>
                <TargetFramework>net10.0</TargetFramework>
                <ImplicitUsings>enable</ImplicitUsings>
                <Nullable>enable</Nullable>
                <TreatWarningsAsErrors>true</TreatWarningsAsErrors>
              </PropertyGroup>
              <ItemGroup>{string.Concat(references)}</ItemGroup>
            </Project>
            """);
        File.WriteAllText(Path.Combine(folder, "Program.cs"), source);
        return folder;
    }
}

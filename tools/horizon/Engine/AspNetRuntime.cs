using System.Runtime.Loader;

namespace Horizon.Flow.Cli;

/// <summary>
/// ASP.NET's assemblies, for <c>horizon serve</c> alone: the program asks the system for the plain .NET runtime, with which every other command starts, and takes
/// these from where they lie beside it.
/// </summary>
public static class AspNetRuntime
{
    private const string Name = "Microsoft.AspNetCore.App";
    private const string Known = "Microsoft.AspNetCore.dll";

    /// <summary>Lets assemblies of ASP.NET be found from now on.</summary>
    /// <exception cref="HorizonException">There are none.</exception>
    public static void Require()
    {
        // Packed with the program, or brought by a host that uses it.
        if (File.Exists(Path.Combine(AppContext.BaseDirectory, Known)) || AppDomain.CurrentDomain.GetAssemblies().Any(assembly => assembly.GetName().Name == "Microsoft.AspNetCore")) return;
        var runtime = Path.GetDirectoryName(typeof(object).Assembly.Location)!;
        var folder = Find(Path.GetFullPath(Path.Combine(runtime, "..", "..", Name)), Environment.Version.Major)
            ?? throw new HorizonException($"serve needs the ASP.NET Core runtime {Environment.Version.Major}.0, which is not beside {runtime}; install it (aspnetcore-runtime-{Environment.Version.Major}.0), or use the .NET SDK, which holds it");
        AssemblyLoadContext.Default.Resolving += (context, wanted) =>
            Path.Combine(folder, $"{wanted.Name}.dll") is var file && File.Exists(file) ? context.LoadFromAssemblyPath(file) : null;
    }

    /// <summary>The folder of the newest version of a major one.</summary>
    /// <param name="versions">A folder with a folder for each version.</param>
    /// <param name="major">The major version.</param>
    public static string? Find(string versions, int major) => !Directory.Exists(versions) ? null
        : Directory.GetDirectories(versions)
            .Select(folder => (Folder: folder, Version: Version.TryParse(Path.GetFileName(folder).Split('-')[0], out var version) ? version : null))
            .Where(found => found.Version?.Major == major && File.Exists(Path.Combine(found.Folder, Known)))
            .OrderByDescending(found => found.Version).Select(found => found.Folder).FirstOrDefault();
}

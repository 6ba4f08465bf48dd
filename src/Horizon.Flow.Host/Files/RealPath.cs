namespace Horizon.Flow.Host.Files;

/// <summary>Resolves links in every part of a path, as realpath(3) does.</summary>
internal static class RealPath
{
    private const int MostLinks = 40;

    /// <exception cref="IOException">More links than any honest path has.</exception>
    public static string Resolve(string path)
    {
        var pending = new Stack<string>(Parts(Path.GetFullPath(path)));
        var resolved = Path.GetPathRoot(Path.GetFullPath(path))!;
        for (var links = 0; pending.TryPop(out var part);)
        {
            var next = Path.Combine(resolved, part);
            var target = new FileInfo(next).LinkTarget;
            if (target is null)
            {
                resolved = next;
                continue;
            }

            if (++links > MostLinks) throw new IOException($"too many links in {path}");
            var full = Path.GetFullPath(target, resolved);
            foreach (var targetPart in Parts(full)) pending.Push(targetPart);
            resolved = Path.GetPathRoot(full)!;
        }

        return resolved;
    }

    /// <summary>Whether a resolved path lies in a resolved folder.</summary>
    public static bool Lies(string path, string folder) =>
        path.StartsWith(Path.TrimEndingDirectorySeparator(folder) + Path.DirectorySeparatorChar, StringComparison.Ordinal);

    /// <summary>Last part first, as a stack wants them.</summary>
    private static IEnumerable<string> Parts(string fullPath) =>
        fullPath[Path.GetPathRoot(fullPath)!.Length..].Split(Path.DirectorySeparatorChar, StringSplitOptions.RemoveEmptyEntries).Reverse();
}

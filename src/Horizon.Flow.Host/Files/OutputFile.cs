namespace Horizon.Flow.Host.Files;

/// <summary>What holds for every file that a run writes: it stays in its folder, whatever lies there already.</summary>
public static class OutputFile
{
    /// <summary>Refuses to write through a link: what it leads to belongs to somebody else.</summary>
    /// <param name="path">A file or a folder of an output folder.</param>
    /// <exception cref="HorizonException">It is a link.</exception>
    public static void RefuseLink(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        if (new FileInfo(Path.TrimEndingDirectorySeparator(path)).LinkTarget is { } target)
            throw new HorizonException($"{path} is a link, to {target}, through which nothing is written; remove it, or name another output.directory");
    }

    /// <summary>
    /// The same for a folder that may lie on another disk: a link to a folder is taken, since nothing is written there but folders of names of
    /// our own, and nothing removed but those.
    /// </summary>
    /// <param name="path">A folder of an output folder.</param>
    /// <exception cref="HorizonException">It is a link to something else, or to nothing.</exception>
    public static void RefuseLinkToNoFolder(string path)
    {
        if (!Directory.Exists(path)) RefuseLink(path);
    }

    /// <summary>
    /// Makes sure that a file can be opened for writing: refuses a link, and removes what has no length, such as a pipe, which would be waited on
    /// for ever.
    /// </summary>
    /// <param name="path">The file; need not be there.</param>
    /// <exception cref="HorizonException">It is a link.</exception>
    /// <exception cref="IOException">It cannot be removed.</exception>
    public static void Claim(string path)
    {
        RefuseLink(path);
        if (File.Exists(path) && new FileInfo(path).Length == 0) File.Delete(path);
    }
}

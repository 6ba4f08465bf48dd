namespace Horizon.Flow.Alignment;

/// <summary>A file that is there whole or not at all: written beside its place, flushed to disk, then renamed.</summary>
internal static class WholeFile
{
    /// <param name="path">Its place.</param>
    /// <param name="write">Writes all of it.</param>
    /// <exception cref="IOException">It cannot be written.</exception>
    public static void Write(string path, Action<FileStream> write)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        var unfinished = path + ".part";
        using (var file = File.Create(unfinished))
        {
            write(file);
            file.Flush(flushToDisk: true);
        }

        File.Move(unfinished, path, overwrite: true);
    }
}

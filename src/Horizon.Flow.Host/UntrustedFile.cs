namespace Horizon.Flow.Host;

/// <summary>What holds for every file that others may have made: it is opened only if it is a file of a sensible size.</summary>
public static class UntrustedFile
{
    /// <summary>
    /// Checks a file before it is opened: a pipe would be waited on for ever, a device might never end; both have length 0, and an empty
    /// file holds nothing to be read either.
    /// </summary>
    /// <param name="path">The file.</param>
    /// <param name="longest">Bytes that such a file may have.</param>
    /// <param name="what">What it should be, with its article, such as "a tokenizer.json".</param>
    /// <returns>Its length in bytes, at least 1.</returns>
    /// <exception cref="HorizonException">It is missing, empty, no regular file, or too long.</exception>
    public static long Check(string path, long longest, string what)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        var length = Length(path);
        if (length == 0) throw new HorizonException($"{path} is empty or no file; it should be {what}");
        return length <= longest ? length : throw new HorizonException($"{path} has {length:N0} bytes, too many for {what} (at most {longest:N0})");
    }

    /// <summary>A file's length, found without opening it; that of its target where it is a link.</summary>
    /// <param name="path">The file.</param>
    /// <returns>Bytes; 0 for a pipe or a device.</returns>
    /// <exception cref="HorizonException">It is missing, or a link that leads nowhere.</exception>
    public static long Length(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        try
        {
            var file = new FileInfo(path);
            return file.ResolveLinkTarget(returnFinalTarget: true) is FileInfo target ? target.Length : file.Length;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or ArgumentException)
        {
            throw new HorizonException($"{path} cannot be read: {error.Reason()}", error);
        }
    }
}

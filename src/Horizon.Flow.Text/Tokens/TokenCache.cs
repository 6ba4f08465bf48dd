using System.Text;
using Microsoft.Win32.SafeHandles;

namespace Horizon.Flow.Text.Tokens;

/// <summary>
/// Keeps the tokens of data sets in a folder, each under a name that hashes all that they come from: the bytes of the files, the tokenizer, the
/// template, the options and this very build of the program. So what is found is what would be made. A file is written under another name and renamed
/// when it is whole; one that is damaged is made again; one that nobody has used for a month is removed.
/// </summary>
/// <param name="folder">The folder; null keeps nothing.</param>
/// <param name="key">What the tokens come from, in hexadecimal digits.</param>
internal sealed class TokenCache(string? folder, string key)
{
    private const string Extension = ".tokens";
    private static readonly TimeSpan LongestUnused = TimeSpan.FromDays(30);
    private static readonly TimeSpan LongestUnfinished = TimeSpan.FromDays(1);

    private string Target => Path.Combine(folder!, key + Extension);

    /// <summary>Why nothing can be kept, in a sentence; null where it can.</summary>
    public string? Problem { get; private set; }

    /// <summary>What was kept, with its notes; null where there is nothing whole.</summary>
    public (StoredDocuments Documents, string Notes)? TryOpen()
    {
        if (folder is null || !File.Exists(Target)) return null;
        SafeFileHandle? file = null;
        try
        {
            file = File.OpenHandle(Target, FileMode.Open, FileAccess.Read, FileShare.Read | FileShare.Delete);
            if (TokenTail.Read(file) is { } tail)
            {
                Touch();
                var documents = new StoredDocuments(new TokenBytes(file, Target), tail.Entries, tail.IdBytes);
                file = null; // theirs
                return (documents, Encoding.UTF8.GetString(tail.Notes));
            }
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            // It is made again, and if that fails too, this is said.
        }
        finally
        {
            file?.Dispose();
        }

        return null;
    }

    /// <summary>A file for tokens: in the folder under a name of its own, or where nothing is kept one without a name.</summary>
    /// <exception cref="IOException">There is no place for one.</exception>
    public FileStream Create()
    {
        if (folder is not null)
        {
            try
            {
                Directory.CreateDirectory(folder);
                Clear();
                return new FileStream($"{Target}.{Guid.NewGuid():N}.part", Options(FileOptions.None));
            }
            catch (Exception error) when (error is IOException or UnauthorizedAccessException)
            {
                Problem = $"the tokens cannot be kept in {folder}, so the next start makes them again: {error.Message.TrimEnd('.')}; set data.cache to another folder.";
            }
        }

        var path = Path.Combine(Path.GetTempPath(), $"horizon-{Guid.NewGuid():N}{Extension}");
        try
        {
            var file = new FileStream(path, Options(OperatingSystem.IsWindows() ? FileOptions.DeleteOnClose : FileOptions.None));
            // Elsewhere a file without a name goes with the process, however that ends.
            if (!OperatingSystem.IsWindows()) File.Delete(path);
            return file;
        }
        catch (UnauthorizedAccessException error)
        {
            throw new IOException(error.Message, error);
        }
    }

    /// <summary>Keeps a finished file.</summary>
    public void Keep(FileStream file)
    {
        if (folder is null || Problem is not null) return;
        try
        {
            File.Move(file.Name, Target, overwrite: true);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            Problem = $"the tokens cannot be kept as {Target}, so the next start makes them again: {error.Message}";
        }
    }

    /// <summary>Removes an unfinished file.</summary>
    public static void Abandon(FileStream? file)
    {
        if (file is null) return;
        file.Dispose();
        TryDelete(file.Name);
    }

    // Readable to its owner alone: the text that it was made from may be.
    private static FileStreamOptions Options(FileOptions options)
    {
        var all = new FileStreamOptions
        {
            Mode = FileMode.CreateNew,
            Access = FileAccess.ReadWrite,
            Share = FileShare.Read | FileShare.Delete,
            Options = options,
            BufferSize = 0,
        };
        if (!OperatingSystem.IsWindows()) all.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        return all;
    }

    private void Touch()
    {
        try
        {
            File.SetLastWriteTimeUtc(Target, TimeProvider.System.GetUtcNow().UtcDateTime);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            // Somebody else's file, which they keep.
        }
    }

    private void Clear()
    {
        var now = TimeProvider.System.GetUtcNow().UtcDateTime;
        foreach (var file in Directory.EnumerateFiles(folder!, $"*{Extension}*"))
        {
            var name = Path.GetFileName(file);
            var isUnfinished = name.EndsWith(".part", StringComparison.Ordinal);
            if (name.Length <= key.Length || !name[..key.Length].All(char.IsAsciiHexDigitLower) || !name[key.Length..].StartsWith(Extension, StringComparison.Ordinal)) continue;
            if (now - File.GetLastWriteTimeUtc(file) > (isUnfinished ? LongestUnfinished : LongestUnused)) TryDelete(file);
        }
    }

    private static void TryDelete(string path)
    {
        try
        {
            File.Delete(path);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            // In use, or somebody else's.
        }
    }
}

using System.Text;
using Horizon.Flow.Host.Safetensors;
using Microsoft.Win32.SafeHandles;

namespace Horizon.Flow.Host.Files;

/// <summary>
/// The one rule for every file that others may have made, whether it is read or copied: it is a regular file of a sensible size, and no link
/// out of its folder. A link may lead to another file of the folder, or into the blobs of the Hugging Face cache, which lays a model out as
/// <c>snapshots/REVISION/FILE -> ../../blobs/HASH</c>.
/// </summary>
public static class UntrustedFile
{
    // The first line of every Git LFS pointer; a pointer has some 130 bytes.
    private static readonly byte[] PointerStart = "version https://git-lfs.github.com/spec/"u8.ToArray();

    private static readonly UTF8Encoding Strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <summary>Opens a file for reading.</summary>
    /// <param name="path">The file.</param>
    /// <param name="longest">Bytes that such a file may have.</param>
    /// <param name="what">What it should be, with its article, such as "a tokenizer.json".</param>
    /// <param name="folder">The folder that links may not leave; null for the one that the file lies in.</param>
    /// <exception cref="HorizonException">It is missing, empty, no regular file, too long, a link out of the folder, or a Git LFS pointer.</exception>
    public static FileStream OpenRead(string path, long longest, string what, string? folder = null) =>
        new(OpenHandle(path, longest, what, folder: folder), FileAccess.Read);

    /// <summary>Reads a whole file.</summary>
    /// <inheritdoc cref="OpenRead"/>
    public static byte[] ReadBytes(string path, int longest, string what, string? folder = null) => Guard(path, () =>
    {
        using var handle = OpenHandle(path, longest, what, folder: folder);
        var bytes = new byte[RandomAccess.GetLength(handle)];
        // What a file gains while it is read is not read, and what it loses is found by whoever parses it.
        for (var read = 0; read < bytes.Length;)
        {
            var count = RandomAccess.Read(handle, bytes.AsSpan(read), read);
            if (count == 0) return bytes[..read];
            read += count;
        }

        return bytes;
    });

    /// <summary>Reads a whole file as UTF-8, without its byte order mark.</summary>
    /// <inheritdoc cref="OpenRead"/>
    public static string ReadText(string path, int longest, string what, string? folder = null)
    {
        try
        {
            return Strict.GetString(ReadBytes(path, longest, what, folder)).TrimStart('\uFEFF');
        }
        catch (DecoderFallbackException error)
        {
            throw new HorizonException($"{path} is not UTF-8 text; it should be {what}", error);
        }
    }

    /// <summary>Whether there is a file or a link of that name, even one that leads nowhere: who reads it then says what is wrong with it.</summary>
    public static bool IsThere(string path) => File.Exists(path) || new FileInfo(path).LinkTarget is not null;

    /// <summary>
    /// Checks a file's size before it is opened: a pipe would be waited on for ever, a device might never end; both have length 0, and an empty
    /// file holds nothing to be read either. Links are followed anywhere: for a file that the user has named.
    /// </summary>
    /// <param name="path">The file.</param>
    /// <param name="longest">Bytes that such a file may have.</param>
    /// <param name="what">What it should be, with its article, such as "a tokenizer.json".</param>
    /// <returns>Its length in bytes, at least 1.</returns>
    /// <exception cref="HorizonException">It is missing, empty, no regular file, or too long.</exception>
    public static long Check(string path, long longest, string what)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        return RefuseLength(path, Length(path), longest, what);
    }

    /// <summary>A file's length, found without opening it; that of its target where it is a link.</summary>
    /// <param name="path">The file.</param>
    /// <returns>Bytes; 0 for a pipe or a device.</returns>
    /// <exception cref="HorizonException">It is missing, or a link that leads nowhere.</exception>
    public static long Length(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        return Guard(path, () =>
        {
            var file = new FileInfo(path);
            return file.ResolveLinkTarget(returnFinalTarget: true) is FileInfo target ? target.Length : file.Length;
        });
    }

    /// <summary>Refuses a link that leads out of a folder, other than into the cache's blobs.</summary>
    /// <param name="path">The file.</param>
    /// <param name="folder">The folder; null for the one that the file lies in.</param>
    /// <exception cref="HorizonException">It does, or leads nowhere.</exception>
    public static void RefuseLinkOutside(string path, string? folder = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        Guard(path, () =>
        {
            var home = RealPath.Resolve(folder ?? Path.GetDirectoryName(Path.GetFullPath(path))!);
            var target = RealPath.Resolve(path);
            return RealPath.Lies(target, home) || (Blobs(home) is { } blobs && RealPath.Lies(target, blobs))
                ? target
                : throw new HorizonException($"{path} is a link that leads out of its folder, to {target}; put the file itself there");
        });
    }

    /// <summary>As <see cref="OpenRead"/>, for random access.</summary>
    internal static SafeFileHandle OpenHandle(string path, long longest, string what, FileOptions options = FileOptions.None, string? folder = null)
    {
        RefuseLinkOutside(path, folder);
        Check(path, longest, what);
        return Guard(path, () =>
        {
            var handle = File.OpenHandle(path, options: options);
            try
            {
                RefuseLength(path, RandomAccess.GetLength(handle), longest, what);
                RefusePointer(path, handle);
                return handle;
            }
            catch
            {
                handle.Dispose();
                throw;
            }
        });
    }

    private static long RefuseLength(string path, long length, long longest, string what)
    {
        if (length == 0) throw new HorizonException($"{path} is empty, or a pipe or device and no file; it should be {what}");
        return length <= longest ? length : throw new HorizonException($"{path} has {length:N0} bytes, too many for {what} (at most {longest:N0})");
    }

    private static void RefusePointer(string path, SafeFileHandle handle)
    {
        Span<byte> start = stackalloc byte[PointerStart.Length];
        if (RandomAccess.Read(handle, start, 0) == start.Length && start.SequenceEqual(PointerStart))
            throw new HorizonException($"{path} is a Git LFS pointer, not the file itself; run 'git lfs pull' in its folder, or download the file");
    }

    private static string? Blobs(string folder)
    {
        for (var snapshots = Path.GetDirectoryName(folder); snapshots is not null; snapshots = Path.GetDirectoryName(snapshots))
            if (Path.GetFileName(snapshots) == "snapshots") return Path.Combine(Path.GetDirectoryName(snapshots)!, "blobs");
        return null;
    }

    private static T Guard<T>(string path, Func<T> work)
    {
        try
        {
            return work();
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            throw new HorizonException($"{path} cannot be read: {error.Reason()}", error);
        }
    }
}

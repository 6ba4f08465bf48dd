using System.IO.Hashing;
using Horizon.Flow.Host.Files;

namespace Horizon.Flow.Text.Tokenizers;

/// <summary>What the bytes of a file hash to, and how it stood then.</summary>
/// <param name="Path">The file.</param>
/// <param name="Hash">XxHash128 of all bytes, hexadecimal.</param>
/// <param name="Length">Bytes.</param>
/// <param name="Written">When it was last written.</param>
internal sealed record ContentHash(string Path, string Hash, long Length, DateTime Written)
{
    /// <summary>Reads all of a file; a pipe or a device is not opened.</summary>
    /// <exception cref="HorizonException">It cannot be read.</exception>
    public static ContentHash Of(string path)
    {
        try
        {
            var written = File.GetLastWriteTimeUtc(path);
            var length = UntrustedFile.Length(path);
            var hash = new XxHash128();
            if (length > 0)
            {
                using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite, 1 << 20, FileOptions.SequentialScan);
                hash.Append(file);
            }

            return new ContentHash(path, Convert.ToHexStringLower(hash.GetCurrentHash()), length, written);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new HorizonException($"{path} cannot be read: {error.Message}", error);
        }
    }

    /// <summary>Makes sure that a file that has been read since is still the one that was hashed.</summary>
    /// <exception cref="HorizonException">It was written meanwhile.</exception>
    public void RequireUnchanged()
    {
        if (File.GetLastWriteTimeUtc(Path) != Written || UntrustedFile.Length(Path) != Length)
            throw new HorizonException($"{Path} was changed while it was read: start again once it is written.");
    }
}

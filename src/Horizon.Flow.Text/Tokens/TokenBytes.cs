using Microsoft.Win32.SafeHandles;

namespace Horizon.Flow.Text.Tokens;

/// <summary>
/// The bytes of stored documents: of a file, read where they are asked for, or in memory. A file is read, not mapped: a disk that fails or a file that
/// is cut off is then an error that can be told, not the end of the process.
/// </summary>
internal sealed class TokenBytes
{
    private readonly byte[] _held;
    private readonly SafeFileHandle? _file;
    private readonly string _name;

    public TokenBytes(byte[] held) => (_held, _name) = (held, "");

    /// <param name="file">Lives as long as the documents do, and closes when they are collected.</param>
    /// <param name="name">Its name, for messages.</param>
    public TokenBytes(SafeFileHandle file, string name) => (_held, _file, _name) = ([], file, name);

    public long HostBytes => _held.Length;

    /// <exception cref="HorizonException">The file cannot be read, or is cut off.</exception>
    public ReadOnlySpan<byte> Read(long place, int count)
    {
        if (_file is null) return _held.AsSpan((int)place, count);
        var read = new byte[count];
        try
        {
            for (var done = 0; done < count;)
            {
                var more = RandomAccess.Read(_file, read.AsSpan(done), place + done);
                if (more == 0) throw new EndOfStreamException("it ends too early");
                done += more;
            }
        }
        catch (IOException error)
        {
            throw new HorizonException($"the tokens of the data cannot be read again from {_name}: {error.Message}; remove that file and start again.", error);
        }

        return read;
    }
}

using System.Text.Unicode;

namespace Horizon.Flow.Text.Data;

/// <summary>Reads lines of UTF-8 as bytes, ended as for <see cref="TextReader.ReadLine"/>; one that is no text, or has no end, is told from the others.</summary>
internal sealed class LineReader(Stream stream) : IDisposable
{
    /// <summary>Bytes of a line that are read.</summary>
    public const int Longest = 1 << 26;

    /// <summary>Bytes of a line that are passed over to reach the next one; what is longer has no lines.</summary>
    private const long MostPassed = 1L << 30;

    private readonly byte[] _buffer = new byte[1 << 16];
    private int _next;
    private int _end;

    /// <summary>Reads the next line without its end, and what is wrong with it; false at the end.</summary>
    /// <param name="line">Its bytes, which are UTF-8; empty where they are not, or are too many.</param>
    /// <param name="fault">Why it cannot be read; null where it can.</param>
    /// <exception cref="IOException">The line is so long that the file has none, or it cannot be read.</exception>
    public bool Read(out byte[] line, out string? fault)
    {
        List<byte[]>? begun = null; // blocks of a long line: one that grew would leave as much again behind
        long length = 0;
        (line, fault) = ([], null);
        var isAny = false;
        while (_next < _end || Fill())
        {
            isAny = true;
            var rest = _buffer.AsSpan(_next, _end - _next);
            var at = rest.IndexOfAny((byte)'\r', (byte)'\n');
            var part = at < 0 ? rest : rest[..at];
            _next += part.Length;
            length += part.Length;
            if (length > MostPassed) throw new IOException($"the line has more than {MostPassed:N0} bytes; cut it into several records");
            if (at >= 0 && begun is null)
            {
                line = part.ToArray();
                SkipEnd();
                break;
            }

            if (length <= Longest) (begun ??= []).Add(part.ToArray());
            else begun?.Clear();
            if (at < 0) continue;
            SkipEnd();
            break;
        }

        if (begun is not null && length <= Longest) line = Joined(begun, (int)length);
        fault = length > Longest ? $"the line has more than {Longest:N0} bytes; cut it into several records."
            : Utf8.IsValid(line) ? null : "the line is not UTF-8; convert the file.";
        if (fault is not null) line = [];
        return isAny;
    }

    public void Dispose() => stream.Dispose();

    private static byte[] Joined(List<byte[]> blocks, int length)
    {
        var line = new byte[length];
        var at = 0;
        foreach (var block in blocks)
        {
            block.CopyTo(line, at);
            at += block.Length;
        }

        return line;
    }

    private bool Fill()
    {
        _next = 0;
        _end = stream.Read(_buffer);
        return _end > 0;
    }

    private void SkipEnd()
    {
        var first = _buffer[_next++];
        if (first == '\r' && (_next < _end || Fill()) && _buffer[_next] == '\n') _next++;
    }
}

using System.Text;

namespace Horizon.Flow.Text.Data;

/// <summary>Reads lines as <see cref="TextReader.ReadLine"/> does, but gives up on an endless one.</summary>
internal sealed class LineReader(TextReader reader) : IDisposable
{
    /// <summary>Characters of a line that are read.</summary>
    public const int Longest = 1 << 26;

    private readonly char[] _buffer = new char[1 << 14];
    private int _next;
    private int _end;

    /// <summary>The next line without its end; null at the end.</summary>
    /// <exception cref="IOException">The line is too long, or the file cannot be read.</exception>
    public string? Read()
    {
        StringBuilder? line = null;
        while (_next < _end || Fill())
        {
            var rest = _buffer.AsSpan(_next, _end - _next);
            var length = rest.IndexOfAny('\r', '\n');
            var part = length < 0 ? rest : rest[..length];
            _next += part.Length;
            if ((line?.Length ?? 0) + part.Length > Longest) throw new IOException($"the line has more than {Longest:N0} characters; cut it into several records");
            if (length < 0)
            {
                (line ??= new StringBuilder()).Append(part);
                continue;
            }

            var whole = line is null ? part.ToString() : line.Append(part).ToString();
            SkipEnd();
            return whole;
        }

        return line?.ToString();
    }

    public void Dispose() => reader.Dispose();

    private bool Fill()
    {
        _next = 0;
        _end = reader.Read(_buffer, 0, _buffer.Length);
        return _end > 0;
    }

    private void SkipEnd()
    {
        var first = _buffer[_next++];
        if (first == '\r' && (_next < _end || Fill()) && _buffer[_next] == '\n') _next++;
    }
}

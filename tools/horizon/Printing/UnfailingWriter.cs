using System.Text;

namespace Horizon.Flow.Cli;

/// <summary>
/// Writes to another writer as long as that works. A terminal that is gone, a full disk or a closed descriptor loses text, but ends nothing.
/// </summary>
/// <param name="open">Gives the other writer; called at the first write, for it may fail too.</param>
public sealed class UnfailingWriter(Func<TextWriter> open) : TextWriter
{
    private TextWriter? _inner;
    private string? _failure;

    /// <summary>Writes to a writer that is at hand.</summary>
    public UnfailingWriter(TextWriter inner)
        : this(() => inner)
    {
    }

    /// <summary>Why text was lost; null as long as none was.</summary>
    public string? Failure => Volatile.Read(ref _failure);

    /// <inheritdoc/>
    public override Encoding Encoding => Encoding.UTF8;

    /// <summary>The writer behind it; null where it cannot be opened.</summary>
    public TextWriter? Inner
    {
        get
        {
            Try(_ => { });
            return _inner;
        }
    }

    /// <inheritdoc/>
    public override void Write(char value) => Try(inner => inner.Write(value));

    /// <inheritdoc/>
    public override void Write(char[] buffer, int index, int count) => Write(new string(buffer, index, count));

    /// <inheritdoc/>
    public override void Write(ReadOnlySpan<char> buffer) => Write(buffer.ToString());

    /// <inheritdoc/>
    public override void Write(string? value) => Try(inner => inner.Write(value));

    /// <inheritdoc/>
    public override void WriteLine() => Try(inner => inner.WriteLine());

    /// <inheritdoc/>
    public override void WriteLine(string? value) => Try(inner => inner.WriteLine(value));

    /// <inheritdoc/>
    public override void Flush() => Try(inner => inner.Flush());

    private void Try(Action<TextWriter> write)
    {
        try
        {
            write(_inner ??= open());
        }
        catch (Exception error)
        {
            // Each time anew, for a disk may have room again; what is told of is the first failure.
            Interlocked.CompareExchange(ref _failure, Printable.Line(error.Message).TrimEnd('.'), null);
        }
    }
}

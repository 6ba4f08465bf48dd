using System.Collections;
using Horizon.Flow.Text.Data;

namespace Horizon.Flow.Text.Tokens;

/// <summary>Documents by number, wherever they lie. Safe to use from several threads.</summary>
internal abstract class DocumentTable : IReadOnlyList<TokenDocument>
{
    public abstract int Count { get; }

    /// <summary>A whole document.</summary>
    public TokenDocument this[int number] => Read(number, 0, Length(number));

    /// <summary>Tokens of a document.</summary>
    public abstract int Length(int number);

    /// <summary>Whether it is a conversation.</summary>
    public abstract bool IsConversation(int number);

    /// <summary>The tokens of a stretch that are trained on, but for its first, which nothing stands before.</summary>
    /// <param name="number">The document.</param>
    /// <param name="start">The first token.</param>
    /// <param name="end">One past the last.</param>
    public virtual int Labelled(int number, int start, int end)
    {
        var count = 0;
        foreach (var label in Read(number, start, end).Labels.AsSpan(Math.Min(1, end - start)))
            if (label != TokenDocument.Ignored) count++;
        return count;
    }

    /// <summary>A stretch of a document.</summary>
    public abstract TokenDocument Read(int number, int start, int end);

    /// <summary>What it takes of host memory for itself, in bytes.</summary>
    public abstract long HostBytes { get; }

    public IEnumerator<TokenDocument> GetEnumerator() => Enumerable.Range(0, Count).Select(number => this[number]).GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
}

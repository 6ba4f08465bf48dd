using System.IO.Hashing;
using System.Runtime.InteropServices;

namespace Horizon.Flow.Text.Tokenizers;

/// <summary>
/// Remembers the tokens of short words. A word has one place, which it shares with others: the last one that came is there. So nothing grows, nothing
/// is locked, and a text made to collide costs no more than one without repetitions.
/// </summary>
internal sealed class WordMemory
{
    private const int Longest = 64;
    private const int Places = 1 << 17;

    private readonly Entry?[] _entries = new Entry?[Places];

    /// <summary>What is remembered of a word; null where nothing is.</summary>
    public Token[]? Find(ReadOnlySpan<char> word) =>
        _entries[Place(word)] is { } entry && word.SequenceEqual(entry.Word) ? entry.Tokens : null;

    /// <summary>Remembers a word, where it is short.</summary>
    public void Add(ReadOnlySpan<char> word, Token[] tokens)
    {
        if (word.Length <= Longest) _entries[Place(word)] = new Entry(word.ToString(), tokens);
    }

    private static int Place(ReadOnlySpan<char> word) => (int)(XxHash3.HashToUInt64(MemoryMarshal.AsBytes(word)) % Places);

    private sealed record Entry(string Word, Token[] Tokens);
}

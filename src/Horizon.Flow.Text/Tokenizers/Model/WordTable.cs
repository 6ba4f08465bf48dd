using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Horizon.Flow.Text.Tokenizers;

/// <summary>
/// The tokens of the short words that one thread met last, each in one line of the processor's cache: what <see cref="WordMemory"/> finds by several steps is here by one. Of words
/// that share a place the last one is there.
/// </summary>
internal sealed class WordTable
{
    private const int Places = 1 << 14;
    private const int LongestWord = 18;
    private const int MostTokens = 4;

    private readonly Slot[] _slots = new Slot[Places];

    /// <summary>Adds a word's tokens, placed from a place on; false where the word is not known.</summary>
    /// <param name="word">The word.</param>
    /// <param name="start">Where it begins in the source, whose characters are the word's.</param>
    /// <param name="tokens">Gets the tokens.</param>
    public bool TryEncode(ReadOnlySpan<char> word, int start, List<Token> tokens)
    {
        if (word.Length > LongestWord) return false;
        ref var slot = ref _slots[Place(word)];
        if (slot.Length != word.Length || !word.SequenceEqual(((ReadOnlySpan<char>)slot.Word)[..word.Length])) return false;
        var at = start;
        for (var i = 0; i < slot.Count; i++)
        {
            var end = start + slot.Ends[i];
            tokens.Add(new Token(slot.Ids[i], at, end));
            at = end;
        }

        return true;
    }

    /// <summary>Remembers a word, where it is short and its tokens are whole characters.</summary>
    public void Add(ReadOnlySpan<char> word, ReadOnlySpan<Token> tokens)
    {
        if (word.Length is 0 or > LongestWord || tokens.Length is 0 or > MostTokens) return;
        var slot = new Slot { Length = (byte)word.Length, Count = (byte)tokens.Length };
        word.CopyTo(slot.Word);
        var at = 0;
        for (var i = 0; i < tokens.Length; i++)
        {
            if (tokens[i].Start != at) return;
            slot.Ids[i] = tokens[i].Id;
            slot.Ends[i] = (byte)(at = tokens[i].End);
        }

        if (at == word.Length) _slots[Place(word)] = slot;
    }

    // Of the first and the last four characters and the length: words that agree in them share a place, and nothing else.
    private static int Place(ReadOnlySpan<char> word)
    {
        var bytes = MemoryMarshal.AsBytes(word);
        ulong first, last;
        if (bytes.Length >= sizeof(ulong)) (first, last) = (MemoryMarshal.Read<ulong>(bytes), MemoryMarshal.Read<ulong>(bytes[^sizeof(ulong)..]));
        else
        {
            (first, last) = (0, 0);
            foreach (var character in word) first = (first << 16) | character;
        }

        var hash = (first * 0x9E3779B97F4A7C15) ^ BitOperations.RotateLeft(last * 0xC2B2AE3D27D4EB4F, 23) ^ ((ulong)word.Length * 0x165667B19E3779F9);
        return (int)((hash * 0x9FB21C651E98DF25) >> (64 - 14));
    }

    [InlineArray(LongestWord)]
    private struct Characters
    {
        private char _first;
    }

    [InlineArray(MostTokens)]
    private struct TokenIds
    {
        private int _first;
    }

    [InlineArray(MostTokens)]
    private struct TokenEnds
    {
        private byte _first;
    }

    [StructLayout(LayoutKind.Sequential, Size = 64)]
    private struct Slot
    {
        public TokenIds Ids;
        public Characters Word;
        public TokenEnds Ends;
        public byte Length;
        public byte Count;
    }
}

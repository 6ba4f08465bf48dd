using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Horizon.Flow.Text.Tokenizers;

/// <summary>
/// The tokens of the words that one thread met last. A word has one place, which it shares with others: the last one that came is there. So nothing grows, nothing is locked, and a text
/// made to collide costs no more than one without repetitions. A word of eleven characters at most lies with its tokens in one line of the processor's cache.
/// </summary>
internal sealed class WordTable
{
    private const int PlaceBits = 14;
    private const int SlotBytes = 128;
    private const int LongestWord = 40;
    private const int MostTokens = 8;

    // Pinned, so that slots can begin where lines do.
    private readonly byte[] _bytes = GC.AllocateArray<byte>((SlotBytes << PlaceBits) + SlotBytes, pinned: true);
    private readonly int _start;

    public WordTable()
    {
        var address = Marshal.UnsafeAddrOfPinnedArrayElement(_bytes, 0);
        _start = (int)(-address & (SlotBytes - 1));
    }

    /// <summary>A word's tokens; false where it is not known.</summary>
    /// <param name="word">The word.</param>
    /// <param name="ids">Their ids.</param>
    /// <param name="ends">Where each ends in the word; it begins where the one before ends.</param>
    public bool TryFind(ReadOnlySpan<char> word, out ReadOnlySpan<int> ids, out ReadOnlySpan<byte> ends)
    {
        if (word.Length <= LongestWord)
        {
            ref var slot = ref SlotOf(word);
            if (slot.Length == word.Length && word.SequenceEqual(((ReadOnlySpan<char>)slot.Word)[..word.Length]))
            {
                ids = ((ReadOnlySpan<int>)slot.Ids)[..slot.Count];
                ends = slot.Ends;
                return true;
            }
        }

        ids = [];
        ends = [];
        return false;
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

        if (at == word.Length) SlotOf(word) = slot;
    }

    // Of the first and the last four characters and the length: words that agree in them share a place, and nothing else.
    private ref Slot SlotOf(ReadOnlySpan<char> word)
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
        var place = (int)((hash * 0x9FB21C651E98DF25) >> (64 - PlaceBits));
        return ref MemoryMarshal.AsRef<Slot>(_bytes.AsSpan(_start + (place * SlotBytes), SlotBytes));
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

    [StructLayout(LayoutKind.Sequential, Size = SlotBytes)]
    private struct Slot
    {
        public TokenIds Ids;
        public TokenEnds Ends;
        public byte Length;
        public byte Count;
        public Characters Word;
    }
}

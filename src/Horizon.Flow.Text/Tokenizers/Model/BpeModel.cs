using System.Text;

namespace Horizon.Flow.Text.Tokenizers;

/// <summary>
/// Byte-pair encoding (Sennrich et al., arXiv 1508.07909) with the rules of Hugging Face's BPE model: always the merge of the lowest
/// rank, the leftmost of equals. Time is O(n log n) in the length of a piece.
/// </summary>
internal sealed class BpeModel
{
    private readonly Dictionary<string, int> _vocabulary;
    private readonly Dictionary<string, int>.AlternateLookup<ReadOnlySpan<char>> _pieceIds;
    private readonly MergeTable _merges;
    private readonly HashSet<long> _joints;
    private readonly SymbolTable _symbols;
    private readonly bool _ignoreMerges;
    private readonly int[] _byteIds; // of each byte as it is spelled, -1 for none
    private readonly WordMemory _memory = new();

    /// <param name="vocabulary">Ids by token string.</param>
    /// <param name="merges">What pairs of ids merge to.</param>
    /// <param name="joints">Pairs of single symbols that stand side by side in some merged token; nothing merges across any other pair.</param>
    /// <param name="symbols">How single characters become ids.</param>
    /// <param name="ignoreMerges">A piece that is a token as a whole is that token, whatever the merges say.</param>
    public BpeModel(
        Dictionary<string, int> vocabulary,
        MergeTable merges,
        HashSet<long> joints,
        SymbolTable symbols,
        bool ignoreMerges)
    {
        _vocabulary = vocabulary;
        _pieceIds = vocabulary.GetAlternateLookup<ReadOnlySpan<char>>();
        _merges = merges;
        _joints = joints;
        _symbols = symbols;
        _ignoreMerges = ignoreMerges;
        _byteIds = Array.ConvertAll(ByteAlphabet.Characters, character => symbols.IdOf(new Rune(character)) ?? -1);
    }

    /// <summary>Two ids in one key.</summary>
    public static long Pair(int left, int right) => ((long)left << 32) | (uint)right;

    /// <summary>The vocabulary, without added tokens.</summary>
    public IReadOnlyDictionary<string, int> Vocabulary => _vocabulary;

    /// <summary>The tokens of a short word that is yet to be spelled in bytes, placed in the word; false for a word that is not short, or has bytes without a token.</summary>
    /// <param name="word">The word.</param>
    /// <param name="tokens">Gets them; room for <see cref="BpeMerger.Few"/>.</param>
    /// <param name="count">How many there are.</param>
    public bool TryEncodeBytes(ReadOnlySpan<char> word, Span<Token> tokens, out int count)
    {
        count = 0;
        if (word.Length > BpeMerger.Few) return false;
        Span<char> spelled = stackalloc char[BpeMerger.Few];
        Span<byte> bytes = stackalloc byte[4];
        for (int i = 0, length; i < word.Length; i += length)
        {
            Rune.DecodeFromUtf16(word[i..], out var rune, out length);
            var size = rune.EncodeToUtf8(bytes);
            if (count + size > BpeMerger.Few) return false;
            foreach (var one in bytes[..size])
            {
                if (_byteIds[one] < 0) return false;
                spelled[count] = ByteAlphabet.Characters[one];
                tokens[count++] = new Token(_byteIds[one], i, i + length);
            }
        }

        if (_ignoreMerges && _pieceIds.TryGetValue(spelled[..count], out var whole)) (tokens[0], count) = (new Token(whole, 0, word.Length), 1);
        else count = BpeMerger.MergeFew(tokens[..count], _merges);
        return true;
    }

    /// <summary>Adds the tokens of a piece, placed in the source text.</summary>
    public void Encode(Piece piece, List<Token> tokens)
    {
        var text = piece.Span;
        if (_ignoreMerges && _pieceIds.TryGetValue(text, out var whole))
        {
            Add([new Token(whole, 0, text.Length)], 0);
            return;
        }

        if (_memory.Find(text) is { } known)
        {
            Add(known, 0);
            return;
        }

        // Where two symbols never stand side by side in a token nothing can merge, so each part between such places is on its own:
        // a whole book without a pre-tokenizer is then as quick as words.
        var symbols = _symbols.Split(text);
        for (int first = 0, next; first < symbols.Count; first = next)
        {
            next = first + 1;
            while (next < symbols.Count && StayTogether(symbols[next - 1], symbols[next])) next++;
            var start = symbols[first].Start;
            var part = text[start..symbols[next - 1].End];
            if (_memory.Find(part) is not { } merged)
            {
                merged = BpeMerger.Merge(symbols, first, next, _merges);
                _memory.Add(part, merged);
            }

            Add(merged, start);
        }

        void Add(ReadOnlySpan<Token> found, int offset)
        {
            foreach (var token in found)
            {
                tokens.Add(new Token(
                    token.Id, piece.SourceStart(offset + token.Start), piece.SourceEnd(offset + token.End - 1)));
            }
        }
    }

    /// <summary>Whether something may merge across two symbols, or both are bytes of one character.</summary>
    private bool StayTogether(Token left, Token right) => right.Start < left.End || _joints.Contains(Pair(left.Id, right.Id));
}

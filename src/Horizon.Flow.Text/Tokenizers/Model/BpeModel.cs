namespace Horizon.Flow.Text.Tokenizers;

/// <summary>
/// Byte-pair encoding (Sennrich et al., arXiv 1508.07909) with the rules of Hugging Face's BPE model: always the merge of the lowest
/// rank, the leftmost of equals. Time is O(n log n) in the length of a piece.
/// </summary>
internal sealed class BpeModel
{
    private readonly Dictionary<string, int> _vocabulary;
    private readonly Dictionary<string, int>.AlternateLookup<ReadOnlySpan<char>> _pieceIds;
    private readonly Dictionary<long, (int Rank, int Id)> _merges;
    private readonly HashSet<long> _joints;
    private readonly SymbolTable _symbols;
    private readonly bool _ignoreMerges;
    private readonly WordMemory _memory = new();

    /// <param name="vocabulary">Ids by token string.</param>
    /// <param name="merges">Pairs of ids in order of rank, with the id that each gives.</param>
    /// <param name="joints">Pairs of single symbols that stand side by side in some merged token; nothing merges across any other pair.</param>
    /// <param name="symbols">How single characters become ids.</param>
    /// <param name="ignoreMerges">A piece that is a token as a whole is that token, whatever the merges say.</param>
    public BpeModel(
        Dictionary<string, int> vocabulary,
        Dictionary<long, (int Rank, int Id)> merges,
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
    }

    /// <summary>Two ids in one key.</summary>
    public static long Pair(int left, int right) => ((long)left << 32) | (uint)right;

    /// <summary>The vocabulary, without added tokens.</summary>
    public IReadOnlyDictionary<string, int> Vocabulary => _vocabulary;

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

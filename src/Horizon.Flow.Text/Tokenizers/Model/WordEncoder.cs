namespace Horizon.Flow.Text.Tokenizers;

/// <summary>
/// Encodes pieces of text, and remembers the tokens of short ones: the same word has the same tokens wherever it stands. Words are remembered as
/// they stand in the text, so that those seen before are not spelled in bytes again.
/// </summary>
internal sealed class WordEncoder
{
    private readonly BpeModel _model;
    private readonly IPreTokenizer? _splitting;
    private readonly ByteSpellingPreTokenizer? _spelling;
    private readonly WordMemory _memory = new();
    private readonly ThreadLocal<WordTable> _tables = new(() => new WordTable());

    public WordEncoder(IPreTokenizer? preTokenizer, BpeModel model)
    {
        _model = model;
        _splitting = preTokenizer;
        var steps = preTokenizer is SequencePreTokenizer sequence ? sequence.Steps : [];
        if (steps is not [.., ByteSpellingPreTokenizer spelling]) return;
        _spelling = spelling;
        _splitting = steps.Count switch
        {
            1 => null,
            2 => steps[0],
            _ => new SequencePreTokenizer([.. steps.SkipLast(1)]),
        };
    }

    /// <summary>Adds the tokens of a text, placed in the source.</summary>
    public void Encode(Piece text, List<Token> tokens)
    {
        var table = _tables.Value!;
        if (_splitting is null) EncodeWord(text, tokens, table);
        else if (_splitting is SplitPreTokenizer { IsPlain: true } plain)
        {
            var words = new Words(this, text, tokens, table);
            plain.SplitPlainly(text, ref words);
        }
        else _splitting.Split(text, word => EncodeWord(word, tokens, table));
    }

    /// <summary>Adds the ids of a text alone, which take a third of the memory: a text may be long.</summary>
    public void Encode(Piece text, List<int> ids)
    {
        var tokens = new List<Token>();
        if (_splitting is SplitPreTokenizer { IsPlain: true } plain)
        {
            var words = new WordIds(this, text, tokens, ids, _tables.Value!);
            plain.SplitPlainly(text, ref words);
            return;
        }

        Encode(text, tokens);
        foreach (var token in tokens) ids.Add(token.Id);
    }

    private void EncodeWord(Piece word, List<Token> tokens, WordTable table)
    {
        if (_spelling is null)
        {
            _model.Encode(word, tokens);
            return;
        }

        var span = word.Span;
        // Where the source has other characters, each token's place is looked up.
        if (word.Source.IsSource && table.TryEncode(span, word.SourceStart(0), tokens)) return;
        var own = _memory.Find(span) ?? Spell(span.ToString());
        table.Add(span, own);
        foreach (var token in own) tokens.Add(new Token(token.Id, word.SourceStart(token.Start), word.SourceEnd(token.End - 1)));
    }

    /// <summary>A word's tokens, placed in the word.</summary>
    private Token[] Spell(string word)
    {
        var tokens = new List<Token>();
        _spelling!.Split(new Piece(new AlignedText(word, 0)), spelled => _model.Encode(spelled, tokens));
        Token[] own = [.. tokens];
        _memory.Add(word, own);
        return own;
    }

    /// <summary>Encodes each word as it is found.</summary>
    private readonly struct Words(WordEncoder encoder, Piece text, List<Token> tokens, WordTable table) : IMatchSink
    {
        public void Take(int start, int end) => encoder.EncodeWord(text.Slice(start, end - start), tokens, table);
    }

    /// <summary>Encodes each word as it is found, and keeps its ids.</summary>
    private readonly struct WordIds(WordEncoder encoder, Piece text, List<Token> tokens, List<int> ids, WordTable table) : IMatchSink
    {
        public void Take(int start, int end)
        {
            tokens.Clear();
            encoder.EncodeWord(text.Slice(start, end - start), tokens, table);
            foreach (var token in tokens) ids.Add(token.Id);
        }
    }
}

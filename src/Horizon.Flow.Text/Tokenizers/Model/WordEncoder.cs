using System.Collections.Concurrent;
using System.Runtime.InteropServices;

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
    private readonly ConcurrentBag<WordTable> _tables = []; // those that nobody uses: a thread finds its own again

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

    /// <summary>What cuts texts into words, where nothing else is done with them.</summary>
    public WordScanner? Scanner => _spelling is null ? null : (_splitting as SplitPreTokenizer)?.Scanner;

    /// <summary>Adds the tokens of a text, placed in the source.</summary>
    public void Encode(Piece text, List<Token> tokens)
    {
        var table = _tables.TryTake(out var one) ? one : new WordTable();
        if (_splitting is null) EncodeWord(text, tokens, table);
        else if (_splitting is SplitPreTokenizer { IsPlain: true } plain)
        {
            var words = new Words(this, text, tokens, table);
            plain.SplitPlainly(text, ref words);
        }
        else _splitting.Split(text, word => EncodeWord(word, tokens, table));

        _tables.Add(table);
    }

    /// <summary>Adds the ids of a text alone, which take a third of the memory: a text may be long.</summary>
    public void Encode(Piece text, List<int> ids)
    {
        var tokens = new List<Token>();
        if (_splitting is not SplitPreTokenizer { IsPlain: true } plain) Encode(text, tokens);
        else
        {
            var table = _tables.TryTake(out var one) ? one : new WordTable();
            var words = new WordIds(this, text, tokens, ids, table);
            plain.SplitPlainly(text, ref words);
            _tables.Add(table);
        }

        foreach (var token in tokens) ids.Add(token.Id);
    }

    private void EncodeWord(Piece word, List<Token> tokens, WordTable table)
    {
        if (_spelling is null) _model.Encode(word, tokens);
        else if (!table.TryFind(word.Span, out var ids, out var ends)) EncodeNew(word, tokens, table);
        else if (word.Source.IsSource)
        {
            var (start, at) = (word.SourceStart(0), 0);
            for (var i = 0; i < ids.Length; at = ends[i++]) tokens.Add(new Token(ids[i], start + at, start + ends[i]));
        }
        else
        {
            // Where the source has other characters, each token's place is looked up.
            var at = 0;
            for (var i = 0; i < ids.Length; at = ends[i++]) tokens.Add(new Token(ids[i], word.SourceStart(at), word.SourceEnd(ends[i] - 1)));
        }
    }

    private void EncodeNew(Piece word, List<Token> tokens, WordTable table)
    {
        Span<Token> few = stackalloc Token[BpeMerger.Few];
        var own = _model.TryEncodeBytes(word.Span, few, out var count) ? few[..count] : Spell(word.Span.ToString());
        table.Add(word.Span, own);
        foreach (var token in own) tokens.Add(new Token(token.Id, word.SourceStart(token.Start), word.SourceEnd(token.End - 1)));
    }

    /// <summary>A word's tokens, placed in the word.</summary>
    private Span<Token> Spell(string word)
    {
        var tokens = new List<Token>();
        _spelling!.Split(new Piece(new AlignedText(word, 0)), spelled => _model.Encode(spelled, tokens));
        return CollectionsMarshal.AsSpan(tokens);
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
            encoder.EncodeWord(text.Slice(start, end - start), tokens, table);
            foreach (var token in tokens) ids.Add(token.Id);
            tokens.Clear();
        }
    }
}

using System.Text;

namespace Horizon.Flow.Text.Tokenizers;

/// <summary>Spells every piece in the byte alphabet, after cutting it with GPT-2's pattern where asked.</summary>
internal sealed class ByteLevelPreTokenizer(bool addPrefixSpace, bool useRegex, PatternClock clock) : IPreTokenizer
{
    private const string Gpt2Pattern = @"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+";

    private readonly SplitPreTokenizer? _words =
        useRegex ? new SplitPreTokenizer(new CodePointRegex(Gpt2Pattern), SplitBehavior.Isolated, invert: false, clock) : null;

    public List<Piece> Split(List<Piece> pieces)
    {
        if (addPrefixSpace)
            pieces = pieces.ConvertAll(p => p.Length > 0 && p.Span[0] == ' ' ? p : new Piece(PrependNormalizer.Prepend(p, " ")));
        if (_words is not null) pieces = _words.Split(pieces);

        // All pieces share one spelled-out text.
        var spelled = new AlignedText.Builder(pieces.Sum(p => p.Length) + 16);
        var ends = new List<int>(pieces.Count);
        Span<byte> bytes = stackalloc byte[4];
        foreach (var piece in pieces)
        {
            var span = piece.Span;
            for (var i = 0; i < span.Length;)
            {
                if (span[i] < 0x80)
                {
                    spelled.Append(ByteAlphabet.Characters[span[i]], piece.SourceStart(i), piece.SourceEnd(i));
                    i++;
                    continue;
                }

                Rune.DecodeFromUtf16(span[i..], out var rune, out var length);
                foreach (var b in bytes[..rune.EncodeToUtf8(bytes)])
                    spelled.Append(ByteAlphabet.Characters[b], piece.SourceStart(i), piece.SourceEnd(i + length - 1));
                i += length;
            }

            ends.Add(spelled.Length);
        }

        var text = spelled.Build();
        var start = 0;
        return ends.ConvertAll(end =>
        {
            var piece = new Piece(text, start, end - start);
            start = end;
            return piece;
        });
    }
}

using System.Text;

namespace Horizon.Flow.Text.Tokenizers;

/// <summary>Spells every piece in the byte alphabet.</summary>
internal sealed class ByteSpellingPreTokenizer : IPreTokenizer
{
    public void Split(Piece piece, Action<Piece> give)
    {
        var spelled = new AlignedText.Builder(piece.Length + 8);
        Span<byte> bytes = stackalloc byte[4];
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

        give(new Piece(spelled.Build()));
    }
}

using System.Text;

namespace Horizon.Flow.Text.Tokenizers;

/// <summary>
/// The smallest symbols: one a character, by the vocabulary; where it has none, the character's bytes (byte fallback), else the
/// unknown token, else nothing.
/// </summary>
internal sealed class SymbolTable
{
    private readonly int[] _basic = new int[0x10000]; // id + 1 of each single-unit character, 0 for none
    private readonly Dictionary<int, int> _supplementary = [];
    private readonly int[]? _bytes;
    private readonly int? _unknown;
    private readonly bool _fuseUnknown;

    /// <param name="vocabulary">Ids by token string.</param>
    /// <param name="bytes">The ids of &lt;0x00&gt; to &lt;0xFF&gt; (-1 where missing), or null without byte fallback.</param>
    /// <param name="unknown">The id of the unknown token, or null.</param>
    /// <param name="fuseUnknown">Neighbouring unknown characters are one token.</param>
    public SymbolTable(IReadOnlyDictionary<string, int> vocabulary, int[]? bytes, int? unknown, bool fuseUnknown)
    {
        foreach (var (token, id) in vocabulary)
        {
            if (token.Length == 1) _basic[token[0]] = id + 1;
            else if (token.Length == 2 && char.IsSurrogatePair(token[0], token[1]))
                _supplementary[char.ConvertToUtf32(token[0], token[1])] = id;
        }

        _bytes = bytes;
        _unknown = unknown;
        _fuseUnknown = fuseUnknown;
    }

    /// <summary>The id of one character, or null.</summary>
    public int? IdOf(Rune rune) => rune.IsBmp
        ? _basic[rune.Value] is > 0 and var id ? id - 1 : null
        : _supplementary.TryGetValue(rune.Value, out var far) ? far : null;

    /// <summary>The symbols of a text.</summary>
    public List<Token> Split(ReadOnlySpan<char> text)
    {
        var symbols = new List<Token>(text.Length);
        Span<byte> utf8 = stackalloc byte[4];
        for (int i = 0, length; i < text.Length; i += length)
        {
            Rune.DecodeFromUtf16(text[i..], out var rune, out length);
            if (IdOf(rune) is { } id)
            {
                symbols.Add(new Token(id, i, i + length));
                continue;
            }

            var bytes = utf8[..rune.EncodeToUtf8(utf8)];
            if (_bytes is not null && HasAll(bytes))
            {
                foreach (var b in bytes) symbols.Add(new Token(_bytes[b], i, i + length));
            }
            else if (_unknown is { } unknown)
            {
                var fuses = _fuseUnknown && symbols.Count > 0 && symbols[^1].Id == unknown && symbols[^1].End == i;
                if (fuses) symbols[^1] = symbols[^1] with { End = i + length };
                else symbols.Add(new Token(unknown, i, i + length));
            }
        }

        return symbols;
    }

    private bool HasAll(ReadOnlySpan<byte> bytes)
    {
        foreach (var b in bytes)
            if (_bytes![b] < 0) return false;
        return true;
    }
}

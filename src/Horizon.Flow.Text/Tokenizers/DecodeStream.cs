namespace Horizon.Flow.Text.Tokenizers;

/// <summary>
/// Decodes a growing list of tokens piece by piece: each call gives the text that is new, and a character whose bytes are spread over
/// several tokens comes out only when it is whole. All pieces and the flush together are the decoded text.
/// </summary>
/// <param name="tokenizer">What decodes.</param>
/// <param name="skipSpecialTokens">Whether special tokens leave no text.</param>
public sealed class DecodeStream(ITokenizer tokenizer, bool skipSpecialTokens)
{
    // Decoders may treat the first token in a special way, so each piece is the difference of two decodings of a short window that
    // begins with tokens already shown.
    private readonly List<int> _window = [];
    private int _shown;

    /// <summary>Takes a token; gives the new text, empty while a character is incomplete.</summary>
    public string Append(int id)
    {
        _window.Add(id);
        var before = tokenizer.Decode(_window.Take(_shown), skipSpecialTokens);
        var now = tokenizer.Decode(_window, skipSpecialTokens);
        if (now.Length <= before.Length || now.EndsWith('\uFFFD')) return "";
        _window.RemoveRange(0, _shown);
        _shown = _window.Count;
        return now[before.Length..];
    }

    /// <summary>The text still held back; incomplete characters are U+FFFD. Call it once, at the end.</summary>
    public string Flush()
    {
        var before = tokenizer.Decode(_window.Take(_shown), skipSpecialTokens);
        var now = tokenizer.Decode(_window, skipSpecialTokens);
        _window.Clear();
        _shown = 0;
        return now[Math.Min(before.Length, now.Length)..];
    }
}

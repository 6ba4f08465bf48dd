using Horizon.Flow.Text.Templates;

namespace Horizon.Flow.Text.Tokenizers;

/// <summary>Turns text into token ids and back. Implementations are safe to use from several threads.</summary>
public interface ITokenizer
{
    /// <summary>One more than the highest token id.</summary>
    int VocabularySize { get; }

    /// <summary>The id that begins a text, or null where the tokenizer has none.</summary>
    int? BeginOfText { get; }

    /// <summary>The ids at which generation stops, the tokenizer's own end-of-text token first; may be empty.</summary>
    IReadOnlyList<int> EndOfText { get; }

    /// <summary>The conversation template, or null where the tokenizer has none.</summary>
    /// <exception cref="HorizonException">The template cannot be read.</exception>
    ChatTemplate? ChatTemplate { get; }

    /// <summary>The ids of a text.</summary>
    /// <param name="text">Any text; half surrogate pairs count as U+FFFD.</param>
    /// <param name="addSpecialTokens">Whether the post-processor adds its tokens (such as begin-of-text).</param>
    IReadOnlyList<int> Encode(string text, bool addSpecialTokens);

    /// <summary>The tokens of a text, each with the characters that it stands for. The ids equal those of <see cref="Encode"/>.</summary>
    /// <param name="text">Any text.</param>
    /// <param name="addSpecialTokens">Whether the post-processor adds its tokens; they stand for no characters.</param>
    IReadOnlyList<Token> EncodeWithOffsets(string text, bool addSpecialTokens);

    /// <summary>The text of token ids. Ids without a token are passed over, as are bytes that are not UTF-8 (they become U+FFFD).</summary>
    /// <param name="ids">Token ids.</param>
    /// <param name="skipSpecialTokens">Whether special tokens leave no text.</param>
    string Decode(IEnumerable<int> ids, bool skipSpecialTokens);
}

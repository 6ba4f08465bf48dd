using Horizon.Flow.Text.Templates;
using Horizon.Flow.Text.Tokenizers;

namespace Horizon.Flow.Alignment.Tests.Policies;

/// <summary>A token for each letter; 1 begins a text and 2 ends it.</summary>
internal sealed class LetterTokenizer : ITokenizer
{
    public int VocabularySize => char.MaxValue + 1;

    public int? BeginOfText => 1;

    public IReadOnlyList<int> EndOfText => [2];

    public ChatTemplate? ChatTemplate => null;

    public IReadOnlyList<int> Encode(string text, bool addSpecialTokens) => [.. addSpecialTokens ? (int[])[1] : [], .. text.Select(letter => (int)letter)];

    public IReadOnlyList<Token> EncodeWithOffsets(string text, bool addSpecialTokens) => throw new NotSupportedException();

    public string Decode(IEnumerable<int> ids, bool skipSpecialTokens) => string.Concat(ids.Where(id => id > 2).Select(id => (char)id));
}

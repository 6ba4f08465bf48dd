namespace Horizon.Flow.Text.Tokenizers;

/// <summary>A token that is found in the text before the model sees it.</summary>
/// <param name="Id">Its id.</param>
/// <param name="Content">Its text.</param>
/// <param name="IsSpecial">Left out by decoding where asked.</param>
/// <param name="IsNormalized">Found in the normalized text, not in the text as it came.</param>
/// <param name="SingleWord">Not found inside words.</param>
/// <param name="TakesLeft">Swallows the white space before it.</param>
/// <param name="TakesRight">Swallows the white space after it.</param>
internal sealed record AddedToken(
    int Id, string Content, bool IsSpecial, bool IsNormalized, bool SingleWord, bool TakesLeft, bool TakesRight)
{
    /// <summary>Adds special tokens for texts, as many as are not there yet, with the next ids.</summary>
    /// <param name="added">What is there; a text that is there becomes special.</param>
    /// <param name="texts">The texts.</param>
    /// <param name="vocabulary">The model's own tokens.</param>
    /// <param name="next">The next id.</param>
    /// <returns>One for each text.</returns>
    /// <exception cref="HorizonException">A text is empty, or stands there twice.</exception>
    public static IReadOnlyList<AddedToken> Add(List<AddedToken> added, IReadOnlyList<string> texts, IReadOnlyDictionary<string, int> vocabulary, int next)
    {
        var tokens = new List<AddedToken>();
        foreach (var text in texts)
        {
            if (string.IsNullOrEmpty(text) || tokens.Exists(token => token.Content == text))
                throw new HorizonException($"model.additional_special_tokens: '{text}' {(string.IsNullOrEmpty(text) ? "is empty" : "stands there twice")}.");
            var there = added.FindIndex(token => token.Content == text);
            var id = there >= 0 ? added[there].Id : vocabulary.TryGetValue(text, out var known) ? known : next++;
            var token = new AddedToken(id, text, IsSpecial: true, IsNormalized: false, SingleWord: false, TakesLeft: false, TakesRight: false);
            if (there >= 0) added[there] = token;
            else added.Add(token);
            tokens.Add(token);
        }

        return tokens;
    }

    public static AddedToken Read(JsonPart part)
    {
        var content = part.Required("content").AsString();
        if (content.Length == 0) throw part.Required("content").Error("is empty.");
        var special = part.Optional("special").AsBool(false);
        return new AddedToken(
            part.Required("id").AsId(),
            content,
            special,
            part.Optional("normalized").AsBool(!special),
            part.Optional("single_word").AsBool(false),
            part.Optional("lstrip").AsBool(false),
            part.Optional("rstrip").AsBool(false));
    }
}

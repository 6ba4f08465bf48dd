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

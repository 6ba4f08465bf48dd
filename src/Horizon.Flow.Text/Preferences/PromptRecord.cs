using System.Text.Json;

namespace Horizon.Flow.Text.Preferences;

/// <summary>A prompt that answers are drawn to.</summary>
/// <param name="Ids">Its tokens, up to where the answer begins.</param>
/// <param name="Text">What they say: a text as it stands, turns as the chat template writes them.</param>
/// <param name="Record">The whole record, the columns that tell a good answer from another among them.</param>
public sealed record PromptRecord(IReadOnlyList<int> Ids, string Text, JsonElement Record)
{
    /// <summary>The prompt as the record has it: a text, or a list of turns.</summary>
    public required JsonElement Prompt { get; init; }
}

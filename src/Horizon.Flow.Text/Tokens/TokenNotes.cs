using System.Text.Json;
using Horizon.Flow.Text.Data;

namespace Horizon.Flow.Text.Tokens;

/// <summary>What was found while tokens were made: it is said again when they are used again.</summary>
/// <param name="Sets">Each data set.</param>
/// <param name="Notices">What the user should know of all of them, a sentence each.</param>
internal sealed record TokenNotes(IReadOnlyList<SetNotes> Sets, IReadOnlyList<string> Notices)
{
    public string Write() => JsonSerializer.Serialize(this);

    public static TokenNotes Read(string text) => JsonSerializer.Deserialize<TokenNotes>(text)!;
}

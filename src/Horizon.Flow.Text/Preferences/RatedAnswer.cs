using Horizon.Flow.Text.Data;

namespace Horizon.Flow.Text.Preferences;

/// <summary>An answer that is wanted or not.</summary>
/// <param name="Document">The prompt, without labels, and the answer.</param>
/// <param name="IsDesirable">Whether it is wanted.</param>
public sealed record RatedAnswer(TokenDocument Document, bool IsDesirable);

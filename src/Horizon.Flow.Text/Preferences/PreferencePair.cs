using Horizon.Flow.Text.Data;

namespace Horizon.Flow.Text.Preferences;

/// <summary>Two answers to one prompt. Each document holds the prompt, without labels, and the answer.</summary>
/// <param name="Chosen">The answer that is preferred.</param>
/// <param name="Rejected">The other.</param>
public sealed record PreferencePair(TokenDocument Chosen, TokenDocument Rejected);

namespace Horizon.Flow.Text.Data;

/// <summary>A document of token ids.</summary>
/// <param name="InputIds">[tokens].</param>
/// <param name="Labels">[tokens]: labels[i] is what is to be predicted in place i from the tokens before it; <see cref="Ignored"/> = not
/// trained on. Often the ids themselves.</param>
public sealed record TokenDocument(int[] InputIds, int[] Labels)
{
    /// <summary>The label of a token that is not trained on, as in PyTorch's cross entropy.</summary>
    public const int Ignored = -100;

    /// <summary>Whether it is a conversation, whose later part means nothing without its beginning: it is never torn unasked.</summary>
    /// <value>Default: false, as for running text.</value>
    public bool IsConversation { get; init; }
}

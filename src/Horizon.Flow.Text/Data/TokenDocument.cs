namespace Horizon.Flow.Text;

/// <summary>A document of token ids.</summary>
/// <param name="InputIds">[tokens].</param>
/// <param name="Labels">[tokens]: labels[i] is what is to be predicted in place i from the tokens before it; <see cref="Ignored"/> = not
/// trained on. Often the ids themselves.</param>
public sealed record TokenDocument(int[] InputIds, int[] Labels)
{
    /// <summary>The label of a token that is not trained on, as in PyTorch's cross entropy.</summary>
    public const int Ignored = -100;
}

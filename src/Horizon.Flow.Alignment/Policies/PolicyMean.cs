namespace Horizon.Flow.Alignment.Policies;

/// <summary>How the losses of tokens become the loss of a step.</summary>
public enum PolicyMean
{
    /// <summary>The mean over an answer's tokens, and the mean of these over answers: GRPO (Shao et al., arXiv 2402.03300), GSPO.</summary>
    Answers,

    /// <summary>The mean over the tokens of all answers: DAPO (Yu et al., arXiv 2503.14476).</summary>
    Tokens,

    /// <summary>The sum over an answer's tokens divided by a constant, and the mean over answers: Dr. GRPO (Liu et al., arXiv 2503.20783).</summary>
    Constant,
}

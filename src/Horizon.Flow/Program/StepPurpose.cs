namespace Horizon.Flow.Program;

/// <summary>What a pass over micro-batches is for.</summary>
public enum StepPurpose
{
    /// <summary>Loss, gradients and one optimizer step.</summary>
    Train,

    /// <summary>The loss alone.</summary>
    Evaluate,

    /// <summary>The logits of the labelled places.</summary>
    Logits,

    /// <summary>The log-probability of each label.</summary>
    LogProbabilities,

    /// <summary>Loss and gradients, which go to whoever asked for them instead of the optimizer.</summary>
    Gradients,
}

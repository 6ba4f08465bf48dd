namespace Horizon.Flow;

/// <summary>What a pass over micro-batches is for.</summary>
public enum StepPurpose
{
    /// <summary>Loss, gradients and one optimizer step.</summary>
    Train,

    /// <summary>The loss alone.</summary>
    Evaluate,
}

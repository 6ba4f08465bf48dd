namespace Horizon.Flow.Runs.Generation;

/// <summary>Why a text ends.</summary>
public enum FinishReason
{
    /// <summary>An end-of-text token, or a stop string.</summary>
    Stop,

    /// <summary>As many tokens as were asked for, or as the model's positions allow.</summary>
    Length,
}

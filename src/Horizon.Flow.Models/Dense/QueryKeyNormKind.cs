namespace Horizon.Flow.Models.Dense;

/// <summary>Where queries and keys are normed.</summary>
internal enum QueryKeyNormKind
{
    /// <summary>Not at all.</summary>
    None,

    /// <summary>Each head, before the rotation.</summary>
    Heads,

    /// <summary>Each head, after the rotation.</summary>
    HeadsAfterRotation,

    /// <summary>All heads as one vector, before the rotation.</summary>
    Whole,
}

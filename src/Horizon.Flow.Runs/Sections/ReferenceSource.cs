namespace Horizon.Flow.Runs.Sections;

/// <summary>Where what the untouched model says of the data comes from.</summary>
public enum ReferenceSource
{
    /// <summary>Computed once before training, and kept on disk.</summary>
    Kept,

    /// <summary>A second store beside the one that is trained.</summary>
    Held,
}

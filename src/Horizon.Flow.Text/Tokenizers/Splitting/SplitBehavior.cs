namespace Horizon.Flow.Text.Tokenizers;

/// <summary>What becomes of the matches of a splitting pattern.</summary>
internal enum SplitBehavior
{
    /// <summary>They are dropped.</summary>
    Removed,

    /// <summary>Each is a piece of its own.</summary>
    Isolated,

    /// <summary>Each is the end of the piece before it.</summary>
    MergedWithPrevious,

    /// <summary>Each is the beginning of the piece after it.</summary>
    MergedWithNext,

    /// <summary>Neighbouring matches together are one piece.</summary>
    Contiguous,
}

namespace Horizon.Flow.Runs.Objectives;

/// <summary>What an objective learns from.</summary>
internal enum ObjectiveData
{
    /// <summary>Text, conversations, tokens.</summary>
    Text,

    /// <summary>Pairs of answers.</summary>
    Pairs,

    /// <summary>Rated answers.</summary>
    Rated,

    /// <summary>Prompts, to which answers are drawn.</summary>
    Prompts,
}

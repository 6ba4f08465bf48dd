namespace Horizon.Flow.Models;

/// <summary>How the rotary frequencies of a model are scaled for longer contexts (<c>rope_type</c> in config.json).</summary>
public enum RopeKind
{
    /// <summary>Not scaled.</summary>
    Default,

    /// <summary>All frequencies divided by one factor (Chen et al. 2023, "position interpolation").</summary>
    Linear,

    /// <summary>Low frequencies divided, high ones kept, with a smooth passage between them (Llama 3.1).</summary>
    Llama3,

    /// <summary>The base grows with sequences that are longer than the model's own ("dynamic NTK").</summary>
    Dynamic,

    /// <summary>By how often a pair turns within the original context, and with larger cosines and sines (Peng et al. 2023).</summary>
    Yarn,

    /// <summary>A divisor for each pair, one list for sequences within the original context and one for longer ones (Ding et al. 2024).</summary>
    LongRope,

    /// <summary>Only the fastest pairs turn, at the frequencies that they have among all (Gemma 4).</summary>
    Proportional,
}

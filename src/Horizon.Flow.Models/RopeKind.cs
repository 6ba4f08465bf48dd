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
}

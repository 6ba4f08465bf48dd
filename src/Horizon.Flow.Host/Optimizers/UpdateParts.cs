namespace Horizon.Flow.Host.Optimizers;

/// <summary>What of an update is done: the two parts, one after the other and with the same gradient, leave the bits of the whole.</summary>
public enum UpdateParts
{
    /// <summary>Weights and the optimizer's state, in one sweep.</summary>
    All,

    /// <summary>The weights alone; the state is read and stays as it was.</summary>
    Weights,

    /// <summary>The state alone, after the weights: these are not looked at.</summary>
    State,
}

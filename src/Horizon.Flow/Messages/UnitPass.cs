namespace Horizon.Flow;

/// <summary>Why a unit is visited.</summary>
public enum UnitPass
{
    /// <summary>Forward, with nothing kept but the inputs of some units.</summary>
    Forward,

    /// <summary>The head: loss, and in training its gradients at once.</summary>
    Head,

    /// <summary>Recomputation, then backward.</summary>
    Backward,
}

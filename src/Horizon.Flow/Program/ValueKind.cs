namespace Horizon.Flow.Program;

/// <summary>What a value of a program is.</summary>
public enum ValueKind
{
    /// <summary>A tensor on the device: a hidden state, a gradient of one, logits.</summary>
    Tensor,

    /// <summary>What a unit's backward needs.</summary>
    Tape,

    /// <summary>A unit's weights in a device buffer: loaded by their first reader.</summary>
    Weights,

    /// <summary>A buffer of a pool that the visit which writes it is lent: a gradient that stays on the device, a place in host memory.</summary>
    Rented,
}

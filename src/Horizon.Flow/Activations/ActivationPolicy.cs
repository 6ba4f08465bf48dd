namespace Horizon.Flow.Activations;

/// <summary>What becomes of a layer's activations between its forward and its backward. It changes time and memory, never a bit of a result.</summary>
public enum ActivationPolicy
{
    /// <summary>The input stays on the device, and the layer runs forward again before its backward.</summary>
    Recompute,

    /// <summary>Everything that backward needs stays on the device: nothing is computed twice.</summary>
    Keep,

    /// <summary>The input waits in page-locked host memory and is brought back before the layer runs forward again.</summary>
    Offload,

    /// <summary>
    /// As <see cref="Keep"/>, but what is wider than a hidden state (the outputs of gate and up) goes and is computed again in backward: selective recomputation
    /// (Korthikanti et al., arXiv 2205.05198). Templates without <see cref="Units.IUnitTemplate.CanNarrowTapes"/> keep all.
    /// </summary>
    KeepNarrow,
}

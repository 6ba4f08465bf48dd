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
}

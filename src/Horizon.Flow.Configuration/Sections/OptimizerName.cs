namespace Horizon.Flow.Configuration;

/// <summary>The update rules that a configuration can name.</summary>
public enum OptimizerName
{
    /// <summary>Adam with decoupled weight decay (Loshchilov and Hutter, arXiv 1711.05101).</summary>
    AdamW,

    /// <summary>Stochastic gradient descent with momentum.</summary>
    Sgd,

    /// <summary>The sign of an interpolated momentum (Chen et al., arXiv 2302.06675).</summary>
    Lion,

    /// <summary>A factored second moment (Shazeer and Stern, arXiv 1804.04235).</summary>
    Adafactor,

    /// <summary>AdamW with 8-bit blockwise moments (Dettmers et al., arXiv 2110.02861).</summary>
    AdamW8Bit,

    /// <summary>Orthogonalised momentum for matrices, AdamW for the rest (Jordan et al., 2024).</summary>
    Muon,
}

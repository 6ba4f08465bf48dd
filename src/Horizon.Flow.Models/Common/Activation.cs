namespace Horizon.Flow.Models.Common;

/// <summary>The curve in a feed-forward network.</summary>
internal enum Activation
{
    /// <summary>x sigmoid(x).</summary>
    Silu,

    /// <summary>x times the normal distribution.</summary>
    Gelu,

    /// <summary>Its approximation by tanh.</summary>
    GeluTanh,
}

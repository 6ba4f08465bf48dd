namespace Horizon.Flow.Models.Dense;

/// <summary>How a norm divides and what its weight means.</summary>
internal enum NormKind
{
    /// <summary>x / rms(x), rounded to the type of x, times the weight (Llama).</summary>
    Rms,

    /// <summary>x / rms(x) times the weight, rounded once (OLMo).</summary>
    WideRms,

    /// <summary>x / rms(x) times one more than the weight, rounded once (Gemma).</summary>
    RmsPlusOne,

    /// <summary>(x - mean) / deviation, times the weight, plus the bias where there is one.</summary>
    LayerNorm,
}

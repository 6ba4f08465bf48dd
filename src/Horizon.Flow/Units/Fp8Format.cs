namespace Horizon.Flow.Units;

/// <summary>A number of eight bits (Micikevicius et al. 2022, arXiv 2209.05433).</summary>
public enum Fp8Format
{
    /// <summary>Four bits of exponent, three of fraction: up to 448, no infinities.</summary>
    E4M3,

    /// <summary>Five bits of exponent, two of fraction: up to 57,344.</summary>
    E5M2,
}

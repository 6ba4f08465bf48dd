namespace Horizon.Flow.Runs.Sections;

/// <summary>What a run computes in.</summary>
public enum TrainingPrecision
{
    /// <summary>fp32 everywhere: 4 bytes a parameter. For checking and for small models.</summary>
    Fp32,

    /// <summary>bf16, with exact fp32 masters in host memory.</summary>
    Bf16,

    /// <summary>As bf16, the matrix products of the decoder layers in fp8: see <see cref="Fp8Section"/>.</summary>
    Fp8,
}

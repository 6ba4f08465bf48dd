namespace Horizon.Flow.Units;

/// <summary>What becomes of a matrix.</summary>
/// <param name="Format">Of its numbers.</param>
/// <param name="Scaling">Which of them share a scale.</param>
/// <param name="IsWeight">Whether <see cref="Fp8Scaling.Block"/> means 128 x 128.</param>
/// <param name="Straight">Whether it is wanted as it lies.</param>
/// <param name="Transposed">Whether its transpose is wanted.</param>
public readonly record struct Fp8Cast(Fp8Format Format, Fp8Scaling Scaling, bool IsWeight, bool Straight, bool Transposed)
{
    /// <summary>How the outputs of gate and up wait for their backward (<see cref="Fp8Options.Fp8Tapes"/>).</summary>
    public static Fp8Cast Held => new(Fp8Format.E4M3, Fp8Scaling.Block, IsWeight: false, Straight: true, Transposed: false);
}

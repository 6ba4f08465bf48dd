namespace Horizon.Flow.Units;

/// <summary>A matrix [R, C] in fp8 as it lies and transposed, of which one may not be wanted. Owns both.</summary>
/// <param name="Straight">[R, C]; null where it was not asked for.</param>
/// <param name="Transposed">[C, R, padded]; null where it was not asked for.</param>
public sealed record Fp8Pair(Fp8Matrix? Straight, Fp8Matrix? Transposed) : IDisposable
{
    /// <inheritdoc/>
    public void Dispose()
    {
        Straight?.Dispose();
        Transposed?.Dispose();
    }
}

using static TorchSharp.torch;

namespace Horizon.Flow.Units;

/// <summary>A matrix in fp8. Owns its tensors.</summary>
/// <param name="Values">[R, C] of a type that TorchSharp has no name for. A transpose has zeros behind its numbers, up to a multiple of <see cref="Padding"/>.</param>
/// <param name="Scales">fp32, what the numbers are multiplied by: [1], by row [R, 1], by block [C / 128, R].</param>
/// <param name="Format">Of the numbers.</param>
/// <param name="Scaling">Which of them share a scale.</param>
public sealed record Fp8Matrix(Tensor Values, Tensor Scales, Fp8Format Format, Fp8Scaling Scaling) : IDisposable
{
    /// <summary>Numbers of a block that share a scale.</summary>
    public const int Block = 128;

    /// <summary>What the length of a row is a multiple of: tensor cores take sixteen numbers at a time, and blocks are whole.</summary>
    public static int Padding(Fp8Scaling scaling) => scaling == Fp8Scaling.Block ? Block : 16;

    /// <summary>The same matrix, which no dispose scope ends any more.</summary>
    public Fp8Matrix Detach()
    {
        Values.DetachFromDisposeScope();
        Scales.DetachFromDisposeScope();
        return this;
    }

    /// <summary>[R, C]: the numbers, each times its scale in fp32.</summary>
    /// <param name="type">What they are rounded to.</param>
    public Tensor Widen(ScalarType type)
    {
        using var scope = NewDisposeScope();
        var values = Values.to(float32);
        var wide = Scaling == Fp8Scaling.Block ? (InBlocks(values) * Scales.t().unsqueeze(2)).view(values.shape) : values * Scales;
        return wide.to(type).MoveToOuterDisposeScope();
    }

    /// <summary>[R, C / 128, 128] of [R, C].</summary>
    internal static Tensor InBlocks(Tensor x) => x.unflatten(1, x.shape[1] / Block, Block);

    /// <inheritdoc/>
    public void Dispose()
    {
        Values.Dispose();
        Scales.Dispose();
    }
}

namespace Horizon.Flow.Host;

/// <summary>
/// All host memory of one unit: weights, what restores the fp32 master, and the optimizer's state. The only home of each.
/// </summary>
public sealed class UnitState : IDisposable
{
    /// <summary>Allocates the unit's buffers, zeroed.</summary>
    /// <param name="layout">The flat layout.</param>
    /// <param name="precision">fp32, or bf16 with exact masters.</param>
    /// <param name="optimizerState">The buffers that the optimizer asks for; none for a frozen unit.</param>
    public UnitState(UnitLayout layout, StorePrecision precision, IReadOnlyList<OptimizerBuffer> optimizerState)
    {
        ArgumentNullException.ThrowIfNull(layout);
        ArgumentNullException.ThrowIfNull(optimizerState);
        Layout = layout;
        Precision = precision;
        Weights = new HostBuffer(layout.ElementCount * WeightType.ByteSize());
        if (precision == StorePrecision.Bf16)
            Difference = new HostBuffer(layout.ElementCount * ElementType.Int16.ByteSize());
        OptimizerState = [.. optimizerState.Select(buffer => new HostBuffer(buffer.ByteLength))];
    }

    /// <summary>The flat layout.</summary>
    public UnitLayout Layout { get; }

    /// <summary>fp32, or bf16 with exact masters.</summary>
    public StorePrecision Precision { get; }

    /// <summary>The type of <see cref="Weights"/>.</summary>
    public ElementType WeightType => Precision == StorePrecision.Fp32 ? ElementType.Float32 : ElementType.BFloat16;

    /// <summary>[ElementCount] fp32 or bf16: what the device reads.</summary>
    public HostBuffer Weights { get; }

    /// <summary>[ElementCount] int16 in bf16 mode: master bits minus the weight's bits (see <see cref="ExactMaster"/>); null in fp32 mode.</summary>
    public HostBuffer? Difference { get; }

    /// <summary>The optimizer's buffers, in the order it described them.</summary>
    public IReadOnlyList<HostBuffer> OptimizerState { get; }

    /// <summary>Bytes of all buffers.</summary>
    public long ByteLength => Weights.ByteLength + (Difference?.ByteLength ?? 0) + OptimizerState.Sum(buffer => buffer.ByteLength);

    /// <inheritdoc/>
    public void Dispose()
    {
        Weights.Dispose();
        Difference?.Dispose();
        foreach (var buffer in OptimizerState) buffer.Dispose();
    }
}

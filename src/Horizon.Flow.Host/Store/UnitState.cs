using System.Runtime.InteropServices;

namespace Horizon.Flow.Host;

/// <summary>
/// All host memory of one unit: weights, what restores the fp32 master, and the optimizer's state. The only home of each.
/// </summary>
public sealed class UnitState : IDisposable
{
    private readonly SortedDictionary<string, HostBuffer> _own = new(StringComparer.Ordinal);

    /// <summary>Allocates the unit's buffers, zeroed.</summary>
    /// <param name="layout">The flat layout.</param>
    /// <param name="precision">fp32, or bf16 with exact masters.</param>
    /// <param name="optimizerState">The buffers that the optimizer asks for; none for a frozen unit.</param>
    /// <param name="allocate">Makes each buffer of so many bytes, in a file for instance; ordinary memory by default.</param>
    public UnitState(
        UnitLayout layout, StorePrecision precision, IReadOnlyList<OptimizerBuffer> optimizerState, Func<long, HostBuffer>? allocate = null)
    {
        ArgumentNullException.ThrowIfNull(layout);
        ArgumentNullException.ThrowIfNull(optimizerState);
        allocate ??= bytes => new HostBuffer(bytes);
        Layout = layout;
        Precision = precision;
        Weights = allocate(layout.ElementCount * WeightType.ByteSize());
        if (precision == StorePrecision.Bf16)
            Difference = allocate(layout.ElementCount * ElementType.Int16.ByteSize());
        OptimizerState = [.. optimizerState.Select(buffer => allocate(buffer.ByteLength))];
    }

    /// <summary>A unit over buffers that exist already. Disposing the unit disposes them; who only looks at them through it does not.</summary>
    /// <param name="layout">The flat layout.</param>
    /// <param name="weights">[ElementCount] fp32, or bf16 where there is a difference.</param>
    /// <param name="difference">[ElementCount] int16 in bf16 mode, null in fp32 mode.</param>
    /// <param name="optimizerState">The optimizer's buffers, in the order it describes them.</param>
    public UnitState(UnitLayout layout, HostBuffer weights, HostBuffer? difference, IReadOnlyList<HostBuffer> optimizerState)
    {
        ArgumentNullException.ThrowIfNull(layout);
        ArgumentNullException.ThrowIfNull(weights);
        ArgumentNullException.ThrowIfNull(optimizerState);
        Layout = layout;
        Precision = difference is null ? StorePrecision.Fp32 : StorePrecision.Bf16;
        if (weights.ByteLength != layout.ElementCount * WeightType.ByteSize()
            || (difference is not null && difference.ByteLength != layout.ElementCount * ElementType.Int16.ByteSize()))
            throw new ArgumentException($"{layout} does not fit buffers of {weights.ByteLength} and {difference?.ByteLength ?? 0} bytes");
        Weights = weights;
        Difference = difference;
        OptimizerState = optimizerState;
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
    public IReadOnlyList<HostBuffer> OptimizerState { get; private set; }

    /// <summary>State of the user's own, by its names (see <see cref="OwnBuffer"/>).</summary>
    public IReadOnlyDictionary<string, HostBuffer> Own => _own;

    /// <summary>Optimizer updates that the unit has had, skipped steps not counted: what its bias corrections count.</summary>
    public long Updates { get; set; }

    /// <summary>Bytes of all buffers.</summary>
    public long ByteLength => Weights.ByteLength + (Difference?.ByteLength ?? 0) + OptimizerState.Sum(buffer => buffer.ByteLength) + _own.Values.Sum(buffer => buffer.ByteLength);

    /// <summary>Copies the fp32 masters of elements <paramref name="first"/> and the following, whatever the precision.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The range leaves the unit.</exception>
    public void ReadMasters(long first, Span<float> values)
    {
        if (Difference is null) Weights.Span<float>(first, values.Length).CopyTo(values);
        else FloatConversion.Join(Weights.Span<ushort>(first, values.Length), Difference.Span<short>(first, values.Length), MemoryMarshal.Cast<float, uint>(values));
    }

    /// <summary>Sets the fp32 masters of elements <paramref name="first"/> and the following, exactly, whatever the precision.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The range leaves the unit.</exception>
    public void WriteMasters(long first, ReadOnlySpan<float> values)
    {
        if (Difference is null) values.CopyTo(Weights.Span<float>(first, values.Length));
        else FloatConversion.Split(MemoryMarshal.Cast<float, uint>(values), Weights.Span<ushort>(first, values.Length), Difference.Span<ushort>(first, values.Length));
    }

    /// <summary>Writes what was changed in mapped buffers to their files and waits for it; nothing for ordinary memory.</summary>
    public void Flush()
    {
        Weights.Flush();
        Difference?.Flush();
        foreach (var buffer in OptimizerState.Concat(_own.Values)) buffer.Flush();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Weights.Dispose();
        Difference?.Dispose();
        foreach (var buffer in OptimizerState.Concat(_own.Values)) buffer.Dispose();
    }

    /// <summary>Gives the unit the optimizer's buffers, zeroed, in place of those that it has.</summary>
    internal void RenewOptimizerState(IReadOnlyList<OptimizerBuffer> needed, Func<long, HostBuffer>? allocate = null)
    {
        allocate ??= bytes => new HostBuffer(bytes);
        var old = OptimizerState;
        OptimizerState = [.. needed.Select(buffer => allocate(buffer.ByteLength))];
        foreach (var buffer in old) buffer.Dispose();
    }

    /// <summary>Gives the unit these buffers of the user's own: those that it has with this name and length stay, others are new and zero.</summary>
    internal void FitOwn(IReadOnlyList<OwnBuffer> needed, Func<long, HostBuffer>? allocate = null)
    {
        allocate ??= bytes => new HostBuffer(bytes);
        var sizes = needed.ToDictionary(buffer => buffer.Name, buffer => buffer.BytesOf(Layout), StringComparer.Ordinal);
        foreach (var (name, buffer) in _own.Where(pair => sizes.GetValueOrDefault(pair.Key) != pair.Value.ByteLength).ToList())
        {
            _own.Remove(name);
            buffer.Dispose();
        }

        foreach (var (name, bytes) in sizes.Where(pair => pair.Value != 0 && !_own.ContainsKey(pair.Key))) _own.Add(name, allocate(bytes));
    }
}

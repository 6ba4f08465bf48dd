using System.Runtime.InteropServices;
using Horizon.Flow.Host.Memory;
using Horizon.Flow.Host.Numerics;
using Horizon.Flow.Host.Optimizers;

namespace Horizon.Flow.Host.Store;

/// <summary>
/// All host memory of one unit: weights, what restores the fp32 master, and the optimizer's state. The only home of each. Of what is not trained
/// there are the weights alone.
/// </summary>
public sealed class UnitState : IDisposable
{
    /// <summary>Allocates the unit's buffers, zeroed.</summary>
    /// <param name="layout">The flat layout.</param>
    /// <param name="precision">fp32, or bf16 with exact masters.</param>
    /// <param name="optimizerState">The buffers that the optimizer asks for; none for a frozen unit.</param>
    /// <param name="allocate">Makes each buffer of so many bytes, in a file for instance; ordinary memory by default.</param>
    /// <param name="isTrained">False for a unit that keeps its weights alone, as the device reads them.</param>
    public UnitState(
        UnitLayout layout, StorePrecision precision, IReadOnlyList<OptimizerBuffer> optimizerState, Func<long, HostBuffer>? allocate = null, bool isTrained = true)
    {
        ArgumentNullException.ThrowIfNull(layout);
        ArgumentNullException.ThrowIfNull(optimizerState);
        if (allocate is not null) Allocate = allocate;
        Layout = layout;
        Precision = precision;
        Weights = Allocate(layout.ElementCount * WeightType.ByteSize());
        if (isTrained && DifferenceBytes is > 0 and var bytes) Difference = Allocate(bytes);
        OptimizerState = [.. optimizerState.Select(buffer => Allocate(buffer.ByteLength))];
    }

    /// <summary>A unit over buffers that exist already. Disposing the unit disposes them; who only looks at them through it does not.</summary>
    /// <param name="layout">The flat layout.</param>
    /// <param name="weights">[ElementCount] fp32, or bf16 where there is a difference.</param>
    /// <param name="difference">[ElementCount - FixedElements] int16 in bf16 mode, null in fp32 mode.</param>
    /// <param name="optimizerState">The optimizer's buffers, in the order it describes them.</param>
    public UnitState(UnitLayout layout, HostBuffer weights, HostBuffer? difference, IReadOnlyList<HostBuffer> optimizerState)
    {
        ArgumentNullException.ThrowIfNull(layout);
        ArgumentNullException.ThrowIfNull(weights);
        ArgumentNullException.ThrowIfNull(optimizerState);
        Layout = layout;
        Precision = difference is null ? StorePrecision.Fp32 : StorePrecision.Bf16;
        if (weights.ByteLength != layout.ElementCount * WeightType.ByteSize()
            || (difference is not null && difference.ByteLength != DifferenceBytes))
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

    /// <summary>
    /// [ElementCount - FixedElements] int16 in bf16 mode: master bits minus the weight's bits (see <see cref="ExactMaster"/>), behind the fixed parameters; null
    /// in fp32 mode, and of a unit that was never trained, whose weights are its masters.
    /// </summary>
    public HostBuffer? Difference { get; private set; }

    /// <summary>The optimizer's buffers, in the order it described them.</summary>
    public IReadOnlyList<HostBuffer> OptimizerState { get; private set; }

    /// <summary>State of the user's own, by its names (see <see cref="OwnBuffer"/>).</summary>
    public IReadOnlyDictionary<string, HostBuffer> Own { get; private set; } = new SortedDictionary<string, HostBuffer>(StringComparer.Ordinal);

    /// <summary>All buffers, in the order of the properties above, which is that of checkpoints.</summary>
    public IEnumerable<HostBuffer> Buffers => new[] { Weights, Difference }.OfType<HostBuffer>().Concat(OptimizerState).Concat(Own.Values);

    /// <summary>Optimizer updates that the unit has had, skipped steps not counted: what its bias corrections count.</summary>
    public long Updates { get; set; }

    /// <summary>Bytes of all buffers.</summary>
    public long ByteLength => Buffers.Sum(buffer => buffer.ByteLength);

    /// <summary>
    /// What is trained of the unit, over the same memory: what an optimizer updates. The unit itself where its layout has no fixed parameters in front. It need not
    /// be disposed, and holds what the unit holds now.
    /// </summary>
    public UnitState Trained => Layout.FixedElements == 0 ? this : new(
        Layout.Trained, Weights.Part(Layout.FixedElements * WeightType.ByteSize(), Layout.Trained.ElementCount * WeightType.ByteSize()), Difference, OptimizerState);

    /// <summary>Bytes of <see cref="Difference"/> where the unit is trained.</summary>
    internal long DifferenceBytes => Precision == StorePrecision.Bf16 ? Layout.Trained.ElementCount * ElementType.Int16.ByteSize() : 0;

    /// <summary>Makes a buffer of so many bytes.</summary>
    internal Func<long, HostBuffer> Allocate { get; private set; } = bytes => new HostBuffer(bytes);

    /// <summary>Copies the fp32 masters of elements <paramref name="first"/> and the following, whatever the precision.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The range leaves the unit.</exception>
    public void ReadMasters(long first, Span<float> values)
    {
        if (Precision == StorePrecision.Fp32)
        {
            Weights.Span<float>(first, values.Length).CopyTo(values);
            return;
        }

        var weights = Weights.Span<ushort>(first, values.Length);
        var masters = MemoryMarshal.Cast<float, uint>(values);
        var rounded = RoundedFrom(first, values.Length);
        BFloat16Conversion.Widen(weights[..rounded], masters[..rounded]);
        if (rounded < values.Length)
            BFloat16Conversion.Join(weights[rounded..], Difference!.Span<short>(first + rounded - Layout.FixedElements, values.Length - rounded), masters[rounded..]);
    }

    /// <summary>
    /// Sets the fp32 masters of elements <paramref name="first"/> and the following, whatever the precision: exactly where they are trained, as bf16 in a bf16
    /// unit where they are not.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">The range leaves the unit.</exception>
    public void WriteMasters(long first, ReadOnlySpan<float> values)
    {
        if (Precision == StorePrecision.Fp32)
        {
            values.CopyTo(Weights.Span<float>(first, values.Length));
            return;
        }

        var weights = Weights.Span<ushort>(first, values.Length);
        var masters = MemoryMarshal.Cast<float, uint>(values);
        var rounded = RoundedFrom(first, values.Length);
        BFloat16Conversion.Round(masters[..rounded], weights[..rounded]);
        if (rounded < values.Length)
            BFloat16Conversion.Split(masters[rounded..], weights[rounded..], Difference!.Span<ushort>(first + rounded - Layout.FixedElements, values.Length - rounded));
    }

    /// <summary>Writes what was changed in mapped buffers to their files and waits for it; nothing for ordinary memory.</summary>
    public void Flush()
    {
        foreach (var buffer in Buffers) buffer.Flush();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var buffer in Buffers) buffer.Dispose();
    }

    /// <summary>Gives the unit the optimizer's buffers, zeroed, in place of those that it has.</summary>
    internal void RenewOptimizerState(IReadOnlyList<OptimizerBuffer> needed)
    {
        using var change = new UnitChange(this);
        change.RenewOptimizerState(needed);
        change.Apply();
    }

    /// <summary>Lets the unit have a difference, or not: zeros, so that its masters are its weights, where it had none.</summary>
    internal void FitDifference(bool wanted)
    {
        using var change = new UnitChange(this);
        change.FitDifference(wanted);
        change.Apply();
    }

    /// <summary>What a <see cref="UnitChange"/> has made; frees the buffers that are no longer the unit's.</summary>
    internal void Put(HostBuffer? difference, IReadOnlyList<HostBuffer> optimizerState, IReadOnlyDictionary<string, HostBuffer> own, Func<long, HostBuffer> allocate)
    {
        var before = Buffers.ToList();
        (Difference, OptimizerState, Own, Allocate) = (difference, optimizerState, own, allocate);
        foreach (var buffer in before.Except(Buffers)) buffer.Dispose();
    }

    // How many of the elements from there on have no difference.
    private int RoundedFrom(long first, int count) => Difference is null ? count : (int)Math.Clamp(Layout.FixedElements - first, 0, count);
}

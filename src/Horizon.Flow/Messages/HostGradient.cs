using Horizon.Flow.Graph;
using Horizon.Flow.Host.Gradients;
using Horizon.Flow.Host.Memory;
using Horizon.Flow.Host.Store;

namespace Horizon.Flow.Messages;

/// <summary>A unit's flat gradient in host memory. The update gives the slab back.</summary>
public sealed class HostGradient : UnitMessage
{
    /// <summary>Creates the message.</summary>
    /// <param name="visit">The visit.</param>
    /// <param name="slab">[ElementCount] of <paramref name="type"/>.</param>
    /// <param name="type">bf16 or fp32.</param>
    /// <param name="sumOfSquares">The sum of squares of all elements, if known already.</param>
    /// <param name="layout">What the gradient consists of; what is trained of the unit by default.</param>
    public HostGradient(UnitVisit visit, Lease<HostBuffer> slab, ElementType type, double? sumOfSquares = null, UnitLayout? layout = null)
        : base(visit)
    {
        Slab = slab;
        Type = type;
        SumOfSquares = sumOfSquares;
        Layout = layout ?? visit.Layout.Trained;
    }

    /// <summary>What the gradient consists of: all that is trained of the unit unless a stage reduced it.</summary>
    public UnitLayout Layout { get; }

    /// <summary>[ElementCount] of <see cref="Type"/>.</summary>
    public Lease<HostBuffer> Slab { get; }

    /// <summary>bf16 or fp32.</summary>
    public ElementType Type { get; }

    /// <summary>The sum of squares of all elements, if known.</summary>
    public double? SumOfSquares { get; }

    /// <summary>The gradient as the optimizer reads it.</summary>
    public HostGradientView View => new(Slab.Value.Address, Type, Layout.ElementCount);

    /// <summary>Element <paramref name="offset"/> and the following, of an fp32 gradient.</summary>
    public Span<float> Floats(long offset, int count) => Type == ElementType.Float32
        ? Slab.Value.Span<float>(offset, count)
        : throw new InvalidOperationException($"the gradient of '{UnitName}' is {Type}, not Float32");

    /// <summary>The first micro-batch, from 0, whose gradient of the unit was not finite; null where none was seen.</summary>
    public int? BadMicroBatch { get; private init; }

    /// <summary>What was decided on the step; null before that.</summary>
    public StepVerdict? Verdict { get; private init; }

    /// <summary>The same gradient with its sum of squares.</summary>
    /// <param name="sum">Over all elements.</param>
    /// <param name="badMicroBatch">The first micro-batch, from 0, whose gradient was not finite; null where none was seen.</param>
    public HostGradient WithSumOfSquares(double sum, int? badMicroBatch = null) =>
        new(Visit, Slab, Type, sum, Layout) { BadMicroBatch = badMicroBatch, Verdict = Verdict };

    /// <summary>The same gradient with what was decided on its step.</summary>
    public HostGradient WithVerdict(StepVerdict verdict) => new(Visit, Slab, Type, SumOfSquares, Layout) { BadMicroBatch = BadMicroBatch, Verdict = verdict };

    /// <summary>What says that the update is done.</summary>
    /// <exception cref="InvalidOperationException">Nothing was decided on the step: the gradient did not go through clip.</exception>
    public UnitUpdated Updated() => new(
        Visit, SumOfSquares, Verdict ?? throw new InvalidOperationException($"nothing was decided on the gradient of {Visit}: a clip stage gives each a verdict"));
}

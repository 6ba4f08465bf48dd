using Horizon.Flow.Devices;
using Horizon.Flow.Units;
using static TorchSharp.torch;

namespace Horizon.Flow.Messages;

/// <summary>What a visit made, on its way back to join, which owns it from there on.</summary>
public sealed class Computed : UnitMessage
{
    internal Computed(UnitWork work, object?[] values, Fence done)
        : base(work.Visit) => (Work, Values, Done) = (work, values, done);

    /// <summary>Complete when everything that the visit launched has run.</summary>
    public Fence Done { get; }

    /// <summary>The first tensor that the visit wrote, to look at or to change in place; null where it wrote none.</summary>
    public Tensor? Output => Values.OfType<Tensor>().FirstOrDefault();

    /// <summary>Puts another tensor in the place of <see cref="Output"/>, which is disposed. On the compute lane.</summary>
    public Computed With(Tensor output)
    {
        ArgumentNullException.ThrowIfNull(output);
        var place = Array.FindIndex(Values, value => value is Tensor);
        if (place < 0) throw new InvalidOperationException($"{Visit} wrote no tensor");
        var values = (object?[])Values.Clone();
        if (!ReferenceEquals(values[place], output)) ((Tensor)values[place]!).Dispose();
        values[place] = output.DetachFromDisposeScope();
        return new Computed(Work, values, Work.Device.RecordCompute()) { Result = Result, Nonzero = Nonzero };
    }

    internal UnitWork Work { get; }

    internal object?[] Values { get; }

    internal Tensor? Result { get; set; }

    internal IReadOnlyList<GradientRange>? Nonzero { get; set; }
}

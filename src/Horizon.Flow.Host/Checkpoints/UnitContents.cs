using Horizon.Flow.Host.Memory;
using Horizon.Flow.Host.Optimizers;
using Horizon.Flow.Host.Store;

namespace Horizon.Flow.Host.Checkpoints;

/// <summary>What a checkpoint holds of one unit.</summary>
/// <param name="Name">The unit's name.</param>
/// <param name="IsTrained">Whether the optimizer updates it.</param>
/// <param name="Parameters">Its parameters in flat order.</param>
/// <param name="Buffers">Its flat buffers.</param>
public sealed record UnitContents(string Name, bool IsTrained, IReadOnlyList<ParameterContents> Parameters, IReadOnlyList<BufferContents> Buffers)
{
    internal const string Weights = "weights";
    internal const string Difference = "difference";

    private const string StatePrefix = "state.";
    private const string OwnPrefix = "own.";

    /// <summary>The optimizer state that a frozen unit may have, where it was trained before.</summary>
    private IReadOnlyList<BufferContents> KeptState { get; init; } = [];

    /// <summary>The difference that a frozen unit may have, where it was trained before; null where it cannot.</summary>
    private BufferContents? KeptDifference { get; init; }

    /// <summary>Whether it holds a difference.</summary>
    internal bool HasDifference => Buffers.Any(buffer => buffer.Name == Difference);

    /// <summary>Whether it holds optimizer state.</summary>
    internal bool HasState => Buffers.Any(IsState);

    /// <summary>What there is to save of a unit of the store.</summary>
    /// <param name="unit">The unit.</param>
    /// <param name="isTrained">Whether the optimizer updates it.</param>
    /// <param name="optimizer">Names its state.</param>
    public static UnitContents Of(UnitState unit, bool isTrained, IHostOptimizer optimizer)
    {
        ArgumentNullException.ThrowIfNull(unit);
        ArgumentNullException.ThrowIfNull(optimizer);
        // What is fixed is the model folder's, and never changes.
        var elements = unit.Layout.Trained.ElementCount;
        var (weights, difference) = (new BufferContents(Weights, unit.WeightType, elements), new BufferContents(Difference, ElementType.Int16, elements));
        var buffers = elements == 0 ? [] : new List<BufferContents> { weights };
        if (unit.Difference is not null) buffers.Add(difference);
        // A stage of a user's own may keep other state than the optimizer describes for the whole unit: it goes by its number.
        var described = optimizer.DescribeState(unit.Layout.Trained);
        buffers.AddRange(unit.OptimizerState.Select((buffer, i) => State($"{(described.Count == unit.OptimizerState.Count ? described[i].Name : i)}", buffer.ByteLength)));
        buffers.AddRange(unit.Own.Select(own => new BufferContents(OwnPrefix + own.Key, ElementType.UInt8, own.Value.ByteLength)));
        return new(unit.Layout.Name, isTrained, [.. unit.Layout.Parameters.Select(slot => new ParameterContents(slot.TensorName, slot.Shape))], buffers)
        {
            KeptDifference = unit.DifferenceBytes > 0 ? difference : null,
            KeptState = isTrained ? [] : [.. described.Select(buffer => State(buffer.Name, buffer.ByteLength))],
        };
    }

    /// <summary>What a whole unit holds, of which this is a slice; a slice may be empty.</summary>
    /// <exception cref="HorizonException">It has state of a user's own, which nobody knows how to cut.</exception>
    internal UnitContents InWhole(UnitLayout whole, StorePrecision precision, IHostOptimizer optimizer)
    {
        if (Buffers.FirstOrDefault(IsOwn) is { } own)
            throw new HorizonException($"unit '{Name}' has state of the user's own ('{own.Name[OwnPrefix.Length..]}'), which slices of units cannot be saved with; leave it out, or use one rank");
        var elements = whole.Trained.ElementCount;
        var exact = precision == StorePrecision.Bf16 && elements > 0;
        List<BufferContents> state = [.. optimizer.DescribeState(whole.Trained).Select(buffer => State(buffer.Name, buffer.ByteLength))];
        var (weights, difference) = (new BufferContents(Weights, precision == StorePrecision.Fp32 ? ElementType.Float32 : ElementType.BFloat16, elements), new BufferContents(Difference, ElementType.Int16, elements));
        return this with
        {
            Parameters = [.. whole.Parameters.Select(slot => new ParameterContents(slot.TensorName, slot.Shape))],
            Buffers = [.. elements > 0 ? [weights] : Array.Empty<BufferContents>(), .. exact && (IsTrained || HasDifference) ? [difference] : Array.Empty<BufferContents>(), .. IsTrained || HasState ? state : []],
            KeptDifference = exact ? difference : null,
            KeptState = IsTrained ? [] : state,
        };
    }

    /// <summary>Where a slice's buffers begin in those of this whole unit, in bytes and in their order.</summary>
    /// <param name="first">The slice's first element among what is trained.</param>
    /// <param name="before">The states of the slices before it.</param>
    internal IReadOnlyList<long> StartsBehind(long first, IReadOnlyList<IReadOnlyList<OptimizerBuffer>> before) =>
        [.. Buffers.Select(buffer => IsState(buffer) ? before.Sum(state => state.Where(one => StatePrefix + one.Name == buffer.Name).Sum(one => one.ByteLength)) : first * buffer.Type.ByteSize())];

    /// <summary>The same with or without the difference and the optimizer state of a frozen unit, as a checkpoint has it.</summary>
    internal UnitContents WithStateAs(UnitContents saved) => IsTrained ? this : this with
    {
        Buffers = [.. Buffers.Where(buffer => buffer.Name == Weights), .. saved.HasDifference && KeptDifference is { } difference ? [difference] : Array.Empty<BufferContents>(), .. saved.HasState ? KeptState : [], .. Buffers.Where(IsOwn)],
    };

    /// <summary>The optimizer state, as a unit is asked for it.</summary>
    internal IReadOnlyList<OptimizerBuffer> DescribeState() => [.. Buffers.Where(IsState).Select(buffer => new OptimizerBuffer(buffer.Name, buffer.Elements))];

    private static BufferContents State(string name, long bytes) => new(StatePrefix + name, ElementType.UInt8, bytes);

    private static bool IsState(BufferContents buffer) => buffer.Name.StartsWith(StatePrefix, StringComparison.Ordinal);

    private static bool IsOwn(BufferContents buffer) => buffer.Name.StartsWith(OwnPrefix, StringComparison.Ordinal);
}

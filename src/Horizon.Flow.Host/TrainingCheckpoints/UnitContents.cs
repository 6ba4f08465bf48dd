namespace Horizon.Flow.Host;

/// <summary>What a checkpoint holds of one unit.</summary>
/// <param name="Name">The unit's name.</param>
/// <param name="IsTrained">Whether the optimizer updates it.</param>
/// <param name="Parameters">Its parameters in flat order.</param>
/// <param name="Buffers">Its flat buffers.</param>
public sealed record UnitContents(string Name, bool IsTrained, IReadOnlyList<ParameterContents> Parameters, IReadOnlyList<BufferContents> Buffers)
{
    internal const string Weights = "weights";
    internal const string Difference = "difference";

    /// <summary>What there is to save of a unit of the store.</summary>
    /// <param name="unit">The unit.</param>
    /// <param name="isTrained">Whether the optimizer updates it.</param>
    /// <param name="optimizer">Names its state.</param>
    public static UnitContents Of(UnitState unit, bool isTrained, IHostOptimizer optimizer)
    {
        ArgumentNullException.ThrowIfNull(unit);
        ArgumentNullException.ThrowIfNull(optimizer);
        var elements = unit.Layout.ElementCount;
        var buffers = new List<BufferContents> { new(Weights, unit.WeightType, elements) };
        if (unit.Difference is not null) buffers.Add(new(Difference, ElementType.Int16, elements));
        // A stage of a user's own may keep other state than the optimizer describes for the whole unit: it goes by its number.
        var described = isTrained ? optimizer.DescribeState(unit.Layout) : [];
        buffers.AddRange(unit.OptimizerState.Select((buffer, i) => new BufferContents(
            $"state.{(described.Count == unit.OptimizerState.Count ? described[i].Name : i)}", ElementType.UInt8, buffer.ByteLength)));
        return new(unit.Layout.Name, isTrained, [.. unit.Layout.Parameters.Select(slot => new ParameterContents(slot.TensorName, slot.Shape))], buffers);
    }
}

namespace Horizon.Flow.Host.Store;

/// <summary>Where one parameter tensor lies in its unit's flat buffer.</summary>
/// <param name="Role">Its name within the unit, the same in every unit of one kind, such as <c>self_attn.q_proj.weight</c>.</param>
/// <param name="TensorName">the model folder's own name, such as <c>model.layers.3.self_attn.q_proj.weight</c>.</param>
/// <param name="Shape">Its dimensions, row-major.</param>
/// <param name="Offset">First element in the flat buffer.</param>
public sealed record ParameterSlot(string Role, string TensorName, IReadOnlyList<long> Shape, long Offset)
{
    /// <summary>Whether training leaves it as it is, as a buffer of PyTorch's (a router's correction of its scores, say). It is loaded, used and written as the others are.</summary>
    public bool IsFixed { get; init; }

    /// <summary>Which rows of the tensor it is; null for all of it.</summary>
    public TensorRows? Rows { get; init; }

    /// <summary>The tensor's dimensions.</summary>
    public IReadOnlyList<long> TensorShape => Rows is { } rows ? [rows.Whole, .. Shape.Skip(1)] : Shape;

    /// <summary>Its first element in the tensor.</summary>
    public long TensorOffset => Rows is { } rows ? rows.First * (Count / Shape[0]) : 0;

    /// <summary>Number of elements.</summary>
    public long Count { get; } = Shape.Aggregate(1L, (product, extent) => checked(product * extent));

    /// <inheritdoc/>
    public override string ToString() => $"{TensorName} [{string.Join(", ", Shape)}] at {Offset}";
}

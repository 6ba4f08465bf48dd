namespace Horizon.Flow.Host.Store;

/// <summary>
/// The fixed layout of one unit: its parameters one after another in ONE flat buffer. Units of one
/// <see cref="Kind"/> usually have the same roles, shapes and offsets; one set of views serves those that do (<see cref="IsSameAs"/>).
/// </summary>
public sealed class UnitLayout
{
    /// <summary>Lays parameters out in the order given, without gaps.</summary>
    /// <param name="name">The unit's own name, such as <c>layer 3</c>.</param>
    /// <param name="kind">What it shares with units of the same layout, such as <c>decoder layer</c>.</param>
    /// <param name="parameters">Role, checkpoint name and shape of each parameter, in flat order.</param>
    /// <param name="fixedRoles">Those that training leaves as they are (<see cref="ParameterSlot.IsFixed"/>); null for none.</param>
    /// <param name="rows">Those that are rows of a tensor (<see cref="ParameterSlot.Rows"/>), by their roles; null for none.</param>
    public UnitLayout(
        string name, string kind, IEnumerable<(string Role, string TensorName, long[] Shape)> parameters, IReadOnlySet<string>? fixedRoles = null,
        IReadOnlyDictionary<string, TensorRows>? rows = null)
    {
        ArgumentNullException.ThrowIfNull(parameters);
        Name = name;
        Kind = kind;
        var slots = new List<ParameterSlot>();
        foreach (var (role, tensorName, shape) in parameters)
        {
            var slot = new ParameterSlot(role, tensorName, shape, ElementCount) { IsFixed = fixedRoles?.Contains(role) == true, Rows = rows?.TryGetValue(role, out var part) == true ? part : null };
            slots.Add(slot);
            ElementCount = checked(ElementCount + slot.Count);
        }

        Parameters = slots;
        var trained = slots.SkipWhile(slot => slot.IsFixed).ToList();
        FixedElements = trained.Count == 0 ? ElementCount : trained[0].Offset;
        Trained = FixedElements == 0 ? this : new UnitLayout(name, kind, trained.Select(slot => (slot.Role, slot.TensorName, slot.Shape.ToArray())), fixedRoles, rows);
    }

    /// <summary>The unit's own name.</summary>
    public string Name { get; }

    /// <summary>What the unit is, in words; usually units of one kind have the same roles, shapes and offsets.</summary>
    public string Kind { get; }

    /// <summary>The parameters in flat order.</summary>
    public IReadOnlyList<ParameterSlot> Parameters { get; }

    /// <summary>Elements of the flat buffer.</summary>
    public long ElementCount { get; }

    /// <summary>
    /// Elements at the beginning whose parameters are fixed (<see cref="ParameterSlot.IsFixed"/>): no difference, gradient or optimizer state is held for them, and
    /// checkpoints leave them out, since the model folder has them. What follows is <see cref="Trained"/>.
    /// </summary>
    public long FixedElements { get; }

    /// <summary>The parameters behind <see cref="FixedElements"/> as a unit of their own, which is what gradients and optimizers see; this layout where there are none.</summary>
    public UnitLayout Trained { get; }

    /// <summary>Whether both have the same roles, shapes and offsets, so that one set of views serves both; names may differ.</summary>
    public bool IsSameAs(UnitLayout other)
    {
        ArgumentNullException.ThrowIfNull(other);
        return Parameters.Count == other.Parameters.Count && Parameters.Zip(other.Parameters).All(pair =>
            pair.First.Role == pair.Second.Role && pair.First.Offset == pair.Second.Offset && pair.First.Shape.SequenceEqual(pair.Second.Shape));
    }

    /// <inheritdoc/>
    public override string ToString() => $"{Name} ({ElementCount:N0} parameters)";
}

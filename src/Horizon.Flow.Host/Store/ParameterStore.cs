namespace Horizon.Flow.Host;

/// <summary>
/// The only home of parameters and optimizer state, unit by unit, with each unit's version: how many optimizer steps it has seen.
/// A frozen unit has no optimizer state and no version of its own; it is always current.
/// </summary>
public sealed class ParameterStore : IDisposable
{
    private readonly VersionGate?[] _versions;
    private string? _damage;

    /// <summary>Takes ownership of the units.</summary>
    /// <param name="units">In the model's order.</param>
    /// <param name="isTrainable">Which units the optimizer updates; all by default.</param>
    public ParameterStore(IReadOnlyList<UnitState> units, Func<UnitLayout, bool>? isTrainable = null)
    {
        ArgumentNullException.ThrowIfNull(units);
        if (units.Count == 0) throw new ArgumentException("a store needs at least one unit", nameof(units));
        if (units.Any(unit => unit.Precision != units[0].Precision)) throw new ArgumentException("all units of a store have one precision", nameof(units));
        Units = units;
        _versions = [.. units.Select(unit => isTrainable is null || isTrainable(unit.Layout) ? new VersionGate() : null)];
    }

    /// <summary>Allocates a store of zeros for a model.</summary>
    /// <param name="layouts">The units.</param>
    /// <param name="precision">fp32, or bf16 with exact masters.</param>
    /// <param name="optimizer">Says what state each trainable unit needs.</param>
    /// <param name="isTrainable">Which units the optimizer updates; all by default.</param>
    /// <param name="allocate">Makes each buffer of so many bytes, in a file for instance; ordinary memory by default.</param>
    public static ParameterStore Create(
        IEnumerable<UnitLayout> layouts,
        StorePrecision precision,
        IHostOptimizer optimizer,
        Func<UnitLayout, bool>? isTrainable = null,
        Func<long, HostBuffer>? allocate = null)
    {
        ArgumentNullException.ThrowIfNull(layouts);
        ArgumentNullException.ThrowIfNull(optimizer);
        return new ParameterStore(
            [.. layouts.Select(layout => new UnitState(layout, precision, isTrainable?.Invoke(layout) == false ? [] : optimizer.DescribeState(layout), allocate))],
            isTrainable);
    }

    /// <summary>The units, in the model's order.</summary>
    public IReadOnlyList<UnitState> Units { get; }

    /// <summary>fp32, or bf16 with exact masters.</summary>
    public StorePrecision Precision => Units[0].Precision;

    /// <summary>The type of weights and of gradients in transit.</summary>
    public ElementType WeightType => Units[0].WeightType;

    /// <summary>Bytes of all buffers.</summary>
    public long ByteLength => Units.Sum(unit => unit.ByteLength);

    /// <summary>Optimizer steps that were applied, skipped ones not counted: what bias corrections use.</summary>
    public long AppliedSteps { get; set; }

    /// <summary>The version of the whole store: of its trainable unit that is furthest behind.</summary>
    public long Version => _versions.OfType<VersionGate>().Select(gate => gate.Version).DefaultIfEmpty(0).Min();

    /// <summary>Why the store is not at one known step, in words; null when it is whole.</summary>
    public string? Damage
    {
        get
        {
            if (_damage is not null) return _damage;
            var versions = _versions.OfType<VersionGate>().Select(gate => gate.Version).Distinct().Order().ToList();
            return versions.Count <= 1 ? null : $"its units are between steps {versions[0]} and {versions[^1]}";
        }
    }

    /// <summary>Whether the optimizer updates the unit.</summary>
    public bool IsTrainable(int unit) => _versions[unit] is not null;

    /// <summary>How many steps a unit has seen; for a frozen unit, the store's version.</summary>
    public long VersionOf(int unit) => _versions[unit]?.Version ?? Version;

    /// <summary>Waits until a unit has seen that many steps. A frozen unit is always current.</summary>
    public ValueTask WaitForVersionAsync(int unit, long version, CancellationToken cancellationToken = default) =>
        _versions[unit]?.WaitAsync(version, cancellationToken) ?? ValueTask.CompletedTask;

    /// <summary>Says that a unit has seen one step more and lets those in who wait for it.</summary>
    /// <exception cref="InvalidOperationException">The unit is not at the version before, or is frozen.</exception>
    public void Advance(int unit, long toVersion)
    {
        var gate = _versions[unit] ?? throw new InvalidOperationException($"unit '{Units[unit].Layout.Name}' is frozen and cannot be updated");
        if (gate.Version != toVersion - 1)
            throw new InvalidOperationException($"unit '{Units[unit].Layout.Name}' is at version {gate.Version} and cannot go to {toVersion}");
        gate.Set(toVersion);
    }

    /// <summary>Sets every unit to one version, after loading a checkpoint.</summary>
    public void Reset(long version)
    {
        foreach (var gate in _versions) gate?.Set(version);
        _damage = null;
    }

    /// <summary>Says that a unit was left half written. The store stays refused until <see cref="Reset"/>.</summary>
    public void MarkDamaged(string why) => _damage ??= why;

    /// <summary>Drops waits of a run that has ended.</summary>
    public void ForgetWaiters()
    {
        foreach (var gate in _versions) gate?.ForgetWaiters();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var unit in Units) unit.Dispose();
    }
}

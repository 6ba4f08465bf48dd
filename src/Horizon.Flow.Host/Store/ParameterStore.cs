using Horizon.Flow.Host.Memory;
using Horizon.Flow.Host.Optimizers;

namespace Horizon.Flow.Host.Store;

/// <summary>
/// The only home of parameters and optimizer state, unit by unit. Two numbers are not one: a unit's version counts the steps that this unit
/// took part in, since a step may leave units out; the store's step is the last that all of its units are through.
/// A frozen unit is always current; it has optimizer state, and in bf16 a difference, only where it was trained before (<see cref="For"/>).
/// </summary>
/// <remarks>Who trains it calls <see cref="Begin"/> for each step, and <see cref="Advance"/> for each unit that is through it.</remarks>
public sealed class ParameterStore : IDisposable
{
    // Reachable for ever, so that no finalizer frees their memory.
    private static readonly List<ParameterStore> _abandoned = [];

    private readonly VersionGate[] _versions;
    private readonly VersionGate[] _weights; // the same, but ahead where the state is still to follow
    private readonly bool[] _isTrainable;
    private readonly OpenSteps _open = new();
    private readonly Lock _advance = new(); // a version and the steps still to come belong together
    private string? _damage;
    private bool _isAbandoned;
    private string? _stateKind;

    /// <summary>Takes ownership of the units.</summary>
    /// <param name="units">In the model's order.</param>
    /// <param name="isTrainable">Which units the optimizer updates; all by default.</param>
    public ParameterStore(IReadOnlyList<UnitState> units, Func<UnitLayout, bool>? isTrainable = null)
    {
        ArgumentNullException.ThrowIfNull(units);
        if (units.Count == 0) throw new ArgumentException("a store needs at least one unit", nameof(units));
        if (units.Any(unit => unit.Precision != units[0].Precision)) throw new ArgumentException("all units of a store have one precision", nameof(units));
        Units = units;
        _versions = [.. units.Select(_ => new VersionGate())];
        _weights = [.. units.Select(_ => new VersionGate())];
        _isTrainable = [.. units.Select(unit => isTrainable?.Invoke(unit.Layout) != false)];
    }

    /// <summary>Allocates a store of zeros for a model.</summary>
    /// <param name="layouts">The units.</param>
    /// <param name="precision">fp32, or bf16 with exact masters.</param>
    /// <param name="optimizer">Says what state each trainable unit needs.</param>
    /// <param name="isTrainable">Which units the optimizer updates; all by default.</param>
    /// <param name="allocate">Makes each buffer of so many bytes, in a file for instance; ordinary memory by default.</param>
    /// <param name="own">State of the user's own; none by default.</param>
    public static ParameterStore Create(
        IEnumerable<UnitLayout> layouts,
        StorePrecision precision,
        IHostOptimizer optimizer,
        Func<UnitLayout, bool>? isTrainable = null,
        Func<long, HostBuffer>? allocate = null,
        IReadOnlyList<OwnBuffer>? own = null)
    {
        ArgumentNullException.ThrowIfNull(layouts);
        ArgumentNullException.ThrowIfNull(optimizer);
        UnitState Make(UnitLayout layout, bool isTrained) =>
            new(layout, precision, isTrained ? optimizer.DescribeState(layout.Trained) : [], allocate, isTrained);
        var store = new ParameterStore(
            [.. layouts.Select(layout => Make(layout, isTrainable?.Invoke(layout) != false))],
            isTrainable)
        {
            _stateKind = KindOf(optimizer),
        };
        store.Change((change, _) => change.FitOwn(own ?? []));
        return store;
    }

    /// <summary>
    /// The same parameters for other units to train, or other state of the user's own. Masters, moments, counts and the step stay; a unit that is frozen now
    /// keeps its masters and moments, one that is trained for the first time begins with its weights and zeros, and so does new state of the user's own; what is no longer asked for goes.
    /// This store hands its units over and must not be used any more; only the new one needs to be disposed.
    /// </summary>
    /// <param name="optimizer">The one that the store was made for.</param>
    /// <param name="isTrainable">Which units the optimizer updates from now on; all by default.</param>
    /// <param name="allocate">Makes each new buffer of so many bytes, now and later; what made the unit's others by default.</param>
    /// <param name="own">State of the user's own; none by default.</param>
    /// <exception cref="HorizonException">A step is under way, the store is damaged or handed over, or the optimizer is another.</exception>
    /// <remarks>After any exception, one of the caller's functions included, the store is as it was.</remarks>
    public ParameterStore For(
        IHostOptimizer optimizer, Func<UnitLayout, bool>? isTrainable = null, Func<long, HostBuffer>? allocate = null, IReadOnlyList<OwnBuffer>? own = null)
    {
        ArgumentNullException.ThrowIfNull(optimizer);
        if (Damage is { } damage) throw new HorizonException($"the parameters cannot go to another plan, for they are not at one step: {damage}");
        if (IsUnderWay) throw new HorizonException($"the parameters cannot go to another plan while a step after step {Step} is under way; dispose the run first");
        if (_stateKind is not null && _stateKind != KindOf(optimizer))
            throw new HorizonException($"the store keeps the state of {_stateKind}, which is not that of {KindOf(optimizer)}; keep the optimizer and its settings, or create a new store with the plan's CreateStore");
        var needed = Units.Select(unit => optimizer.DescribeState(unit.Layout.Trained)).ToList();
        for (var i = 0; i < Units.Count; i++)
            if (Units[i].OptimizerState.Count > 0) Require(optimizer, i, needed[i]);
        var store = new ParameterStore(Units, isTrainable) { _stateKind = KindOf(optimizer) };
        store._open.Reset(Step);
        for (var i = 0; i < Units.Count; i++) store.SetVersion(i, _versions[i].Version);
        store.Change(
            (change, i) =>
            {
                if (store.IsTrainable(i)) change.FitDifference(true);
                if (store.IsTrainable(i) && Units[i].OptimizerState.Count == 0) change.RenewOptimizerState(needed[i]);
                change.FitOwn(own ?? []);
            },
            allocate);
        IsHandedOver = true;
        return store;
    }

    /// <summary>The units, in the model's order.</summary>
    public IReadOnlyList<UnitState> Units { get; }

    /// <summary>fp32, or bf16 with exact masters.</summary>
    public StorePrecision Precision => Units[0].Precision;

    /// <summary>The type of weights and of gradients in transit.</summary>
    public ElementType WeightType => Units[0].WeightType;

    /// <summary>Bytes of all buffers.</summary>
    public long ByteLength => Units.Sum(unit => unit.ByteLength);

    /// <summary>Refuses an update rule whose state the store was not made with.</summary>
    /// <exception cref="HorizonException">Names the first unit that does not fit, and what it has and lacks.</exception>
    public void Require(IHostOptimizer optimizer)
    {
        ArgumentNullException.ThrowIfNull(optimizer);
        for (var i = 0; i < Units.Count; i++)
            if (IsTrainable(i)) Require(optimizer, i, optimizer.DescribeState(Units[i].Layout.Trained));
    }

    /// <summary>The last step that is finished, with all before it; skipped steps count.</summary>
    public long Step => _open.Last;

    /// <summary>Whether a step was begun that is not finished.</summary>
    public bool IsUnderWay => _open.Any;

    /// <summary>Why the store is not at one known step, in words; null when it is whole.</summary>
    public string? Damage => IsHandedOver ? $"its units were handed over to another store (by {nameof(For)}); use that one" : _damage ?? _open.Partial;

    /// <summary>Whether another store has the units now (see <see cref="For"/>).</summary>
    public bool IsHandedOver { get; private set; }

    /// <summary>Whether the optimizer updates the unit.</summary>
    public bool IsTrainable(int unit) => _isTrainable[unit];

    /// <summary>How many steps the unit has been through; for a frozen one, before it was frozen.</summary>
    public long VersionOf(int unit) => _versions[unit].Version;

    /// <summary>How many steps the unit's weights have been through: one more than <see cref="VersionOf"/> while its optimizer's state is still to follow.</summary>
    public long WeightsVersionOf(int unit) => _weights[unit].Version;

    /// <summary>The version that a unit has once the steps that were begun, up to this one, are finished.</summary>
    public long VersionAt(int unit, long step)
    {
        lock (_advance) return VersionOf(unit) + _open.CountOf(unit, step);
    }

    /// <summary>The last step that was begun, up to this one, and has not updated the unit yet; null where there is none.</summary>
    public long? PendingStepOf(int unit, long step) => _open.LastOf(unit, step);

    /// <summary>[units]: the versions at which the next step, or an evaluation, finds the units: all steps begun so far are behind it.</summary>
    public IReadOnlyList<long> ExpectedVersions() => [.. Enumerable.Range(0, Units.Count).Select(unit => VersionAt(unit, long.MaxValue))];

    /// <summary>Waits until a unit's weights have been through that many steps. A frozen unit is always current.</summary>
    public ValueTask WaitForVersionAsync(int unit, long version, CancellationToken cancellationToken = default) =>
        _isTrainable[unit] ? _weights[unit].WaitAsync(version, cancellationToken) : ValueTask.CompletedTask;

    /// <summary>Waits until a unit's optimizer state is where its weights are; at once unless these went ahead (<see cref="AdvanceWeights"/>).</summary>
    public ValueTask WaitForStateAsync(int unit, CancellationToken cancellationToken = default) => _versions[unit].WaitAsync(WeightsVersionOf(unit), cancellationToken);

    /// <summary>Says that a step begins. Steps begin in order and may overlap.</summary>
    /// <param name="step">Above all steps before.</param>
    /// <param name="units">The units that it updates; all that are trained by default.</param>
    /// <exception cref="InvalidOperationException">The step is not above the last one, or a unit is frozen.</exception>
    public void Begin(long step, IEnumerable<int>? units = null)
    {
        var updated = (units ?? Enumerable.Range(0, Units.Count).Where(IsTrainable)).ToList();
        foreach (var unit in updated) GateOf(unit);
        _open.Begin(step, updated);
    }

    /// <summary>Says that a unit's update begins: if the run ends before the whole step is through, the store is between two steps, see <see cref="Damage"/>.</summary>
    public void Touch(int unit) => _open.Touch(unit);

    /// <summary>Says that a unit is through one step more, skipped or not, and lets those in who wait for it.</summary>
    /// <exception cref="InvalidOperationException">The unit is not at the version before, is frozen, or no step that was begun updates it.</exception>
    public void Advance(int unit, long toVersion)
    {
        var gate = GateOf(unit);
        // In one: who asks in between what the next step will find would count this step neither as done nor as open.
        lock (_advance)
        {
            if (gate.Version != toVersion - 1)
                throw new InvalidOperationException($"unit '{Units[unit].Layout.Name}' is at version {gate.Version} and cannot go to {toVersion}");
            if (!_open.Advance(unit))
                throw new InvalidOperationException($"no step that was begun updates unit '{Units[unit].Layout.Name}'; call {nameof(Begin)} first");
            SetVersion(unit, toVersion);
        }
    }

    /// <summary>
    /// Says that a unit's weights are through one step more, and lets those in who wait for them, while its optimizer's state is still to follow; <see cref="Advance"/> says when it has.
    /// </summary>
    /// <exception cref="InvalidOperationException">The unit is not at the version before, or is frozen.</exception>
    public void AdvanceWeights(int unit, long toVersion)
    {
        var version = GateOf(unit).Version;
        if (version != toVersion - 1 || WeightsVersionOf(unit) != version)
            throw new InvalidOperationException($"unit '{Units[unit].Layout.Name}' is at version {version}, its weights at {WeightsVersionOf(unit)}: they cannot go to {toVersion}");
        _weights[unit].Set(toVersion);
    }

    /// <summary>Sets the store to a step, after loading a checkpoint.</summary>
    /// <param name="step">The step.</param>
    /// <param name="versions">[units]; by default all that are trained are at the step.</param>
    public void Reset(long step, IReadOnlyList<long>? versions = null)
    {
        for (var unit = 0; unit < Units.Count; unit++) SetVersion(unit, versions?[unit] ?? (_isTrainable[unit] ? step : _versions[unit].Version));
        _open.Reset(step);
        if (!_isAbandoned) _damage = null;
    }

    /// <summary>Says that a unit was left half written. The store stays refused until <see cref="Reset"/>.</summary>
    public void MarkDamaged(string why) => _damage ??= why;

    /// <summary>
    /// Says that something that would not end may still read or write the buffers: the store is refused from now on, and its memory is left
    /// to the process instead of being freed under a running thread.
    /// </summary>
    /// <param name="why">What would not end, in words.</param>
    public void Abandon(string why)
    {
        lock (_abandoned) _abandoned.Add(this);
        _isAbandoned = true;
        _damage = why;
    }

    /// <summary>
    /// Forgets what a run that has ended still wanted: waits, and steps that touched no unit. A step that touched some units and
    /// not all leaves the store damaged.
    /// </summary>
    public void EndRun()
    {
        if (_open.Partial is { } partial) MarkDamaged(partial);
        _open.Reset(Step);
        foreach (var gate in _versions.Concat(_weights)) gate.ForgetWaiters();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (_isAbandoned || IsHandedOver) return;
        foreach (var unit in Units) unit.Dispose();
    }

    private static string KindOf(IHostOptimizer optimizer) =>
        string.Join(", ", [$"'{optimizer.Name}'", .. optimizer.StateSettings.OrderBy(pair => pair.Key, StringComparer.Ordinal).Select(pair => $"{pair.Key} {pair.Value}")]);

    // All new buffers of all units are made before the first unit changes: a store that ran out of memory here is as it was.
    private void Change(Action<UnitChange, int> prepare, Func<long, HostBuffer>? allocate = null)
    {
        var changes = Units.Select(unit => new UnitChange(unit, allocate)).ToList();
        try
        {
            for (var i = 0; i < Units.Count; i++) prepare(changes[i], i);
            foreach (var change in changes) change.Apply();
        }
        finally
        {
            foreach (var change in changes) change.Dispose();
        }
    }

    private void Require(IHostOptimizer optimizer, int index, IReadOnlyList<OptimizerBuffer> needed)
    {
        var unit = Units[index];
        if (needed.Select(buffer => buffer.ByteLength).SequenceEqual(unit.OptimizerState.Select(buffer => buffer.ByteLength))) return;
        throw new HorizonException(
            $"the store was not made for the optimizer '{optimizer.Name}': unit '{unit.Layout.Name}' has optimizer state of [{string.Join(", ", unit.OptimizerState.Select(buffer => buffer.ByteLength))}] bytes, "
            + $"but needs [{string.Join(", ", needed.Select(buffer => $"{buffer.Name}: {buffer.ByteLength}"))}]; create the store with the optimizer it is trained with");
    }

    private void SetVersion(int unit, long version)
    {
        _versions[unit].Set(version);
        _weights[unit].Set(version);
    }

    private VersionGate GateOf(int unit) => _isTrainable[unit] ? _versions[unit]
        : throw new InvalidOperationException($"unit '{Units[unit].Layout.Name}' is frozen and cannot be updated");
}

using Horizon.Flow.Host.Store;

namespace Horizon.Flow.Distributed;

/// <summary>
/// How the units of a plan are cut: what is fixed and what is trained of each flat buffer into as many parts as there are ranks, equal where the update rule takes each element by itself. Where
/// it needs blocks or whole matrices (<see cref="Host.Optimizers.IHostOptimizer.GrainOf"/>), parts end between them, and the largest parts go to the ranks that have least so far, so that over the
/// model all have about as much. A slice is a layout of its own, whose parameters are the pieces of the unit's that lie in it, by their names, so that settings by name hold for pieces too.
/// </summary>
public sealed class UnitSlices
{
    private readonly Dictionary<UnitLayout, UnitCut> _cuts = new(ReferenceEqualityComparer.Instance);
    private readonly Dictionary<UnitLayout, UnitLayout> _slices;
    private readonly long[] _loads;
    private readonly int _rank;

    /// <summary>Cuts all units of a plan, those of models beside the trained one included.</summary>
    /// <param name="plan">The plan, whether it is distributed already or not.</param>
    /// <param name="rank">Whose slices.</param>
    /// <param name="count">Ranks.</param>
    public UnitSlices(TrainingPlan plan, int rank, int count)
    {
        ArgumentNullException.ThrowIfNull(plan);
        ArgumentOutOfRangeException.ThrowIfLessThan(count, 1);
        (_rank, _loads) = (rank, new long[count]);
        var optimizer = plan.Options.Optimizer;
        foreach (var model in plan.Models)
        {
            foreach (var unit in model.Units)
            {
                if (!_cuts.ContainsKey(unit)) _cuts.Add(unit, Cut(unit, ReferenceEquals(model, plan.Model) && plan.Options.IsTrainable(unit) ? optimizer.GrainOf : null));
            }
        }

        _slices = _cuts.ToDictionary(pair => pair.Key, pair => pair.Value.SliceOf(rank), _cuts.Comparer);
    }

    /// <summary>The same for one side of the ranks.</summary>
    public UnitSlices(TrainingPlan plan, ICollectives collectives)
        : this(plan, (collectives ?? throw new ArgumentNullException(nameof(collectives))).Rank, collectives.Count)
    {
    }

    /// <summary>All cuts.</summary>
    public IEnumerable<UnitCut> Cuts => _cuts.Values;

    /// <summary>How a unit is shared.</summary>
    /// <exception cref="ArgumentException">The unit is none of the plan's.</exception>
    public UnitCut CutOf(UnitLayout whole)
    {
        ArgumentNullException.ThrowIfNull(whole);
        return _cuts.TryGetValue(whole, out var cut) ? cut : throw new ArgumentException($"'{whole.Name}' is no unit of the plan", nameof(whole));
    }

    /// <summary>The rank's slice of a unit; the same object for the same unit.</summary>
    public UnitLayout Of(UnitLayout whole) => _slices[CutOf(whole).Whole];

    /// <summary>The rank's slice of a unit's gradient: of what is trained of it.</summary>
    public UnitLayout GradientOf(UnitLayout whole) => Of(whole).Trained;

    /// <summary>What the rank has of a unit, in the order of its slice.</summary>
    public IReadOnlyList<UnitPiece> PiecesOf(UnitLayout whole) => CutOf(whole).PiecesOf(_rank);

    private UnitCut Cut(UnitLayout whole, Func<ParameterSlot, long>? grain)
    {
        // What is not trained has no empty slices: in a checkpoint a rank speaks of its difference for all.
        if (grain is null && whole.ElementCount < _loads.Length)
            throw new HorizonException($"unit '{whole.Name}' has {whole.ElementCount} elements, which {_loads.Length} ranks cannot share; use fewer ranks");
        List<ParameterSlot> front = [.. whole.Parameters.Where(slot => slot.Offset < whole.FixedElements)], rest = [.. whole.Parameters.Skip(front.Count)];
        var fixedPart = front.Count == 0 ? null : Share(front, null, new long[_loads.Length]);
        var trained = rest.Count == 0 ? null : Share(rest, grain ?? (rest.Any(slot => slot.IsFixed) ? _ => 1 : null), fixedPart?.Counts ?? new long[_loads.Length]);
        return new UnitCut(whole, fixedPart, trained);
    }

    private SharedStretch Share(IReadOnlyList<ParameterSlot> slots, Func<ParameterSlot, long>? grain, IReadOnlyList<long> places)
    {
        var count = _loads.Length;
        var borders = SliceBorders.Find(slots, count, grain);
        var even = SliceBorders.Find(slots, count, null);
        var parts = Enumerable.Range(0, count).Select(part => (First: borders[part], Count: borders[part + 1] - borders[part])).ToList();
        // Of equal parts rank r has the r-th.
        var owners = borders.SequenceEqual(even) ? [.. Enumerable.Range(0, count)] : Enumerable.Range(0, count).OrderBy(rank => _loads[rank]).ToArray();
        if (!borders.SequenceEqual(even)) parts = [.. parts.OrderByDescending(part => part.Count)];
        var (firsts, counts) = (new long[count], new long[count]);
        for (var i = 0; i < count; i++)
        {
            (firsts[owners[i]], counts[owners[i]]) = parts[i];
            _loads[owners[i]] += parts[i].Count;
        }

        return new SharedStretch(slots[0].Offset, firsts, counts, places);
    }
}

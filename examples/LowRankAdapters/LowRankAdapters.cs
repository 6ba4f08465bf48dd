using Horizon.Flow;
using Horizon.Flow.Host.Gradients;
using Horizon.Flow.Host.Optimizers;
using Horizon.Flow.Host.Store;
using Horizon.Flow.Host.Workers;
using Horizon.Flow.Units;

namespace Horizon.Examples;

/// <summary>
/// Low-rank adapters (LoRA, Hu et al., arXiv 2106.09685): each chosen matrix W becomes W + s B A with s = alpha / rank, and A and B alone
/// are trained. They take the place of the optimizer's state of their unit: so the store keeps them, versions guard them, checkpoints
/// carry them, and the unit's own weights are never written. Gradients of A and B are all that comes down from the device, so clipping
/// and accumulation see them alone.
/// </summary>
/// <param name="model">The model.</param>
/// <param name="precision">The store's.</param>
/// <param name="rank">Rows of A and columns of B.</param>
/// <param name="alpha">The adapters' weight, times the rank.</param>
/// <param name="roles">The matrices, by their names within a unit. Units without any stay frozen.</param>
/// <param name="optimizer">Updates the adapters.</param>
public sealed class LowRankAdapters(
    ModelDefinition model, StorePrecision precision, int rank, double alpha, IReadOnlyList<string> roles, IHostOptimizer optimizer) : IHostOptimizer
{
    private readonly Dictionary<UnitLayout, UnitLayout> _layouts = model.Units
        .Where(unit => unit.Parameters.Any(slot => roles.Contains(slot.Role)))
        .ToDictionary(unit => unit, unit => AdapterLayout.Of(unit, rank, roles));

    /// <summary>The rank.</summary>
    public int Rank => rank;

    /// <summary>The adapters' weight, times the rank.</summary>
    public double Alpha => alpha;

    /// <summary>What B A is multiplied by.</summary>
    public double Scale => alpha / rank;

    /// <summary>The matrices that have adapters, by their names within a unit.</summary>
    public IReadOnlyList<string> Roles => roles;

    /// <inheritdoc/>
    public string Name => $"{optimizer.Name} on adapters";

    /// <inheritdoc/>
    public IReadOnlyDictionary<string, string> StateSettings => optimizer.StateSettings;

    // <snippet>
    /// <summary>The plan that trains the adapters and nothing else.</summary>
    public TrainingPlan Plan(TrainingOptions options) => TrainingPlan
        .For(model, options with { Optimizer = this, GradientLayout = LayoutOf, IsTrainable = HasAdapters })
        .At(Stages.Upload).InsertAfter("merge adapters", (run, stage) => AdapterStages.Merge(this, run, stage))
        .OutOfJoin(Stages.Download).Insert("project on adapters", (run, stage) => AdapterStages.Project(this, run, stage));
    // </snippet>

    /// <summary>Whether the unit has adapters.</summary>
    public bool HasAdapters(UnitLayout unit) => _layouts.ContainsKey(unit);

    /// <summary>The layout of a unit's adapters.</summary>
    public UnitLayout LayoutOf(UnitLayout unit) => _layouts[unit];

    /// <summary>The units of a store that have adapters, with these as a unit of their own over the same memory.</summary>
    public IEnumerable<(UnitState Unit, UnitState Adapters)> Of(ParameterStore store) =>
        store.Units.Where(unit => HasAdapters(unit.Layout)).Select(unit => (unit, AdaptersOf(unit)));

    /// <inheritdoc/>
    public IReadOnlyList<OptimizerBuffer> DescribeState(UnitLayout layout)
    {
        var adapters = LayoutOf(layout);
        OptimizerBuffer[] weights = precision == StorePrecision.Fp32
            ? [new("adapters", adapters.ElementCount * sizeof(float))]
            : [new("adapters", adapters.ElementCount * sizeof(ushort)), new("adapter_differences", adapters.ElementCount * sizeof(short))];
        return [.. weights, .. optimizer.DescribeState(adapters)];
    }

    /// <inheritdoc/>
    public void Update(UnitState unit, HostGradientView gradient, OptimizerStep step, HostWorkers workers) =>
        optimizer.Update(AdaptersOf(unit), gradient, step, workers);

    /// <summary>Draws A uniformly from ±1/√columns, as PEFT does, and leaves B zero: the first step starts from the model as it is.</summary>
    public void Initialize(ParameterStore store, int seed)
    {
        var random = new Random(seed);
        foreach (var (_, adapters) in Of(store))
        {
            foreach (var slot in adapters.Layout.Parameters.Where(slot => slot.Role.EndsWith(AdapterLayout.A, StringComparison.Ordinal)))
            {
                var bound = 1 / Math.Sqrt(slot.Shape[1]);
                adapters.WriteMasters(slot.Offset, [.. Enumerable.Range(0, (int)slot.Count).Select(_ => (float)(bound * ((2 * random.NextDouble()) - 1)))]);
            }
        }
    }

    /// <summary>A unit's adapters as a unit of their own, over the same memory.</summary>
    public UnitState AdaptersOf(UnitState unit) => precision == StorePrecision.Fp32
        ? new(LayoutOf(unit.Layout), unit.OptimizerState[0], null, [.. unit.OptimizerState.Skip(1)])
        : new(LayoutOf(unit.Layout), unit.OptimizerState[0], unit.OptimizerState[1], [.. unit.OptimizerState.Skip(2)]);
}

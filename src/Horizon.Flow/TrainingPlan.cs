using Horizon.Flow.Graph;
using Horizon.Flow.Host;

namespace Horizon.Flow;

/// <summary>
/// The blueprint of a training run: model, options and graph. Immutable, owning nothing; verbs give a new plan, <see cref="Start"/> makes
/// blocks of it.
/// </summary>
public sealed record TrainingPlan
{
    private TrainingPlan(ModelDefinition model, TrainingOptions options, GraphPlan<TrainingContext> graph)
    {
        Model = model;
        Options = options;
        Graph = graph;
    }

    /// <summary>The model.</summary>
    public ModelDefinition Model { get; }

    /// <summary>How it is trained.</summary>
    public TrainingOptions Options { get; private init; }

    /// <summary>The stages and edges.</summary>
    public GraphPlan<TrainingContext> Graph { get; private init; }

    /// <summary>Whether gradients need a slab for each unit: some stage holds a whole step of them.</summary>
    public bool SlabPerUnit => Options.GradientAccumulation == 1 && Graph.Nodes.Any(node => node.Traits.HoldsWholeStep);

    /// <summary>Whether nothing stands between download and gather that might change a gradient whose norm the device has taken.</summary>
    public bool GathersAsDownloaded => Graph.Edges.Any(edge => edge.From == Stages.Download.Name && edge.To == Stages.Gather.Name);

    /// <summary>The default graph for a model.</summary>
    public static TrainingPlan For(ModelDefinition model, TrainingOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        options ??= new();
        return new TrainingPlan(model, options, DefaultGraph.Compose(model, options));
    }

    /// <summary>A stage, to change what is there. The key fixes the types: a wrong block is a compile error.</summary>
    public TrainingPoint<TIn, TOut> At<TIn, TOut>(StageKey<TIn, TOut> stage)
        where TOut : class
    {
        Graph.Node(stage.Name);
        return new TrainingPoint<TIn, TOut>(this, stage);
    }

    /// <summary>The plan with another graph: free wiring.</summary>
    public TrainingPlan WithGraph(Func<GraphPlan<TrainingContext>, GraphPlan<TrainingContext>> change)
    {
        ArgumentNullException.ThrowIfNull(change);
        return this with { Graph = change(Graph) };
    }

    /// <summary>Freezes the units for which <paramref name="isFrozen"/> holds, beside those frozen already.</summary>
    public TrainingPlan Freeze(Func<UnitLayout, bool> isFrozen)
    {
        ArgumentNullException.ThrowIfNull(isFrozen);
        var before = Options.IsTrainable;
        return this with { Options = Options with { IsTrainable = unit => before(unit) && !isFrozen(unit) } };
    }

    /// <summary>Whether a unit's gradients are summed in an fp32 accumulator.</summary>
    public bool Accumulates(int unit) => Options.GradientAccumulation > 1
        || Model.Hidden.Count(binding => binding.Unit == unit) + (Model.Head.Unit == unit ? 1 : 0) > 1;

    /// <summary>A store of zeros that fits the plan.</summary>
    /// <param name="precision">fp32, or bf16 with exact masters.</param>
    /// <param name="allocate">Makes each buffer of so many bytes, in a file for instance; ordinary memory by default.</param>
    public ParameterStore CreateStore(StorePrecision precision, Func<long, HostBuffer>? allocate = null) =>
        ParameterStore.Create(Model.Units, precision, Options.Optimizer, Options.IsTrainable, allocate);

    /// <summary>Everything that keeps the plan from running; empty if nothing does.</summary>
    public IReadOnlyList<PlanProblem> Validate() => [.. Graph.Validate(), .. TrainingPlanValidator.Check(this)];

    /// <summary>A picture of the graph.</summary>
    /// <param name="precision">For the bytes of the pools.</param>
    /// <param name="shares">Measured shares, from a run.</param>
    public GraphDrawing Draw(StorePrecision precision = StorePrecision.Bf16, IReadOnlyDictionary<string, StageShares>? shares = null)
    {
        var budget = MemoryBudget.Of(this, precision);
        return GraphDrawing.Of(Graph, budget.DescribePool, shares).WithFeedback(Stages.Commit.Name, Stages.Fetch.Name, "unit at version t+1");
    }

    /// <summary>Starts the run: makes pools and blocks, page-locks the weights. Nothing is computed before the first step.</summary>
    /// <param name="store">The parameters; must have been made for the same units.</param>
    /// <param name="device">Where to compute. Belongs to the caller.</param>
    /// <param name="options">Token, clock and observers.</param>
    /// <exception cref="PlanException">The plan cannot run; every problem is listed.</exception>
    /// <exception cref="HorizonException">The store does not fit the plan or is damaged.</exception>
    public TrainingRun Start(ParameterStore store, IComputeDevice device, GraphRunOptions? options = null)
    {
        var problems = Validate();
        return problems.Count > 0 ? throw new PlanException(problems) : new TrainingRun(this, store, device, options ?? new());
    }
}

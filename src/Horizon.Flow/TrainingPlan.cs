using System.Collections.Immutable;
using System.Threading.Tasks.Dataflow;
using Horizon.Flow.Devices;
using Horizon.Flow.Graph;
using Horizon.Flow.Host.Memory;
using Horizon.Flow.Host.Store;
using Horizon.Flow.Messages;
using Horizon.Flow.Program;
using Horizon.Flow.Resources;
using Horizon.Flow.Units;

namespace Horizon.Flow;

/// <summary>
/// The blueprint of a training run: model, options, graph and programs. Immutable, owning nothing; verbs give a new plan, <see cref="Start"/>
/// makes blocks of it.
/// </summary>
public sealed record TrainingPlan
{
    private TrainingPlan(ModelDefinition model, TrainingOptions options)
    {
        Models = [model];
        Options = options;
        Graph = Default = DefaultGraph.Compose(options);
    }

    /// <summary>The model that is trained.</summary>
    public ModelDefinition Model => Models[0];

    /// <summary>The models that programs name, by their numbers: the trained one, then those of <see cref="WithModel"/>.</summary>
    public ImmutableList<ModelDefinition> Models { get; private init; }

    /// <summary>How it is trained.</summary>
    public TrainingOptions Options { get; private init; }

    /// <summary>The stages and edges.</summary>
    public GraphPlan<TrainingContext> Graph { get; private init; }

    /// <summary>State of the user's own by unit, see <see cref="WithUnitState"/>.</summary>
    public ImmutableList<OwnBuffer> UnitStates { get; private init; } = [];

    /// <summary>What is learned, see <see cref="WithObjective"/>; null for the next token.</summary>
    public IObjective? Objective { get; private init; }

    /// <summary>What a micro-batch adds to <see cref="StepInfo.LossCount"/>, as the objective says; null for its labelled tokens.</summary>
    internal Func<MicroBatch, long>? LossCount => Objective is { } objective ? objective.Count : null;

    /// <summary>See <see cref="WithCounts"/>.</summary>
    internal Func<StepCounts, CancellationToken, ValueTask<StepCounts>>? Counts { get; private init; }

    private GraphPlan<TrainingContext> Default { get; init; }

    private Func<TrainingPlan, IStepProgrammer>? Programmer { get; init; }

    private ImmutableList<Func<StepProgram, StepProgram>> Transforms { get; init; } = [];

    private ImmutableList<Func<StepProgram, StepProgram>> Placements { get; init; } = [];

    /// <summary>The pools that its stages declare.</summary>
    public IReadOnlyList<ITrainingPool> Pools => [.. Graph.Nodes.SelectMany(node => node.Traits.Pools).OfType<ITrainingPool>().DistinctBy(spec => spec.Name)];

    /// <summary>Whether each unit has a slab of its own size: some stage holds a whole step of gradients, or <see cref="PipelineOptions.GradientSlabs"/> of the largest would be no less.</summary>
    public bool SlabPerUnit => Options.GradientAccumulation == 1
        && (Graph.Nodes.Any(node => node.Traits.HoldsWholeStep) || GradientSizes.Sum() <= Options.Pipeline.GradientSlabs * GradientSizes.Max());

    /// <summary>
    /// The units whose weights are updated before their optimizer's state, as many as <see cref="PipelineOptions.WeightsFirst"/> says. None without clipping, where updates do not wait for the
    /// whole backward; none where the rule updates both in one (<see cref="Host.Optimizers.IHostOptimizer.UpdatesInParts"/>) or a stage between update and commit looks at the unit.
    /// </summary>
    public IReadOnlyList<int> WeightsFirst
    {
        get
        {
            if (Options.MaxGradientNorm is null || !Options.Optimizer.UpdatesInParts || !Graph.ComesUnchanged(Stages.Update.Name, Stages.Commit.Name)) return [];
            var sizes = GradientSizes;
            var wanted = Options.Pipeline.WeightsFirst * sizes.Sum();
            long before = 0;
            var first = new List<int>();
            for (var unit = 0; unit < sizes.Count && before + (sizes[unit] / 2) < wanted; before += sizes[unit++])
                if (sizes[unit] > 0) first.Add(unit);
            return first;
        }
    }

    // Elements by unit; 0 for frozen ones.
    private List<long> GradientSizes => [.. Model.Units.Select(unit => Options.IsTrainable(unit) ? Options.GradientLayout(unit).ElementCount : 0)];

    /// <summary>The default graph for a model.</summary>
    public static TrainingPlan For(ModelDefinition model, TrainingOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        return new TrainingPlan(model, options ?? new());
    }

    /// <summary>A stage, to change what is there. The key fixes the types: a wrong block is a compile error.</summary>
    public TrainingPoint<TIn, TOut> At<TIn, TOut>(StageKey<TIn, TOut> stage)
        where TOut : class
    {
        Graph.Node(stage.Name);
        return new TrainingPoint<TIn, TOut>(this, stage);
    }

    /// <summary>The end of a line, to change what is there.</summary>
    public TrainingEnd<TIn> At<TIn>(SinkKey<TIn> stage)
        where TIn : class
    {
        Graph.Node(stage.Name);
        return new TrainingEnd<TIn>(this, stage);
    }

    /// <summary>The edge between two stages, to put something on it and on no other.</summary>
    public TrainingEdge<TMessage> Between<TIn, TMessage, TTaken, TOut>(StageKey<TIn, TMessage> from, StageKey<TTaken, TOut> to)
        where TMessage : class, TTaken
        where TOut : class => new(this, from.Name, to.Name);

    /// <summary>An edge out of the hub: what join gives to a stage.</summary>
    public TrainingEdge<TMessage> OutOfJoin<TMessage, TOut>(StageKey<TMessage, TOut> to)
        where TMessage : StepMessage
        where TOut : class => new(this, Stages.Join.Name, to.Name);

    /// <summary>The plan with another graph: free wiring.</summary>
    public TrainingPlan WithGraph(Func<GraphPlan<TrainingContext>, GraphPlan<TrainingContext>> change)
    {
        ArgumentNullException.ThrowIfNull(change);
        return this with { Graph = change(Graph) };
    }

    /// <summary>The plan with other options, whatever was wired: stages that are as the default graph has them take the new bounds.</summary>
    public TrainingPlan With(Func<TrainingOptions, TrainingOptions> change)
    {
        ArgumentNullException.ThrowIfNull(change);
        var options = change(Options);
        var renewed = DefaultGraph.Compose(options);
        var graph = Graph.MapNodes(node => Default.Nodes.Find(old => old.Name == node.Name) is { } old && renewed.Nodes.Find(one => one.Name == node.Name) is { } fresh
            ? node with
            {
                Traits = ReferenceEquals(node.Traits, old.Traits) ? fresh.Traits : node.Traits,
                Create = ReferenceEquals(node.Create, old.Create) ? fresh.Create : node.Create,
            }
            : node);
        return this with { Options = options, Graph = graph, Default = renewed };
    }

    /// <summary>Freezes the units for which <paramref name="isFrozen"/> holds, beside those frozen already.</summary>
    public TrainingPlan Freeze(Func<UnitLayout, bool> isFrozen)
    {
        ArgumentNullException.ThrowIfNull(isFrozen);
        return With(options => options with { IsTrainable = unit => options.IsTrainable(unit) && !isFrozen(unit) });
    }

    /// <summary>Adds a model that programs may name beside the trained one: a teacher, a reference. Its store is given to <see cref="Start"/>; it is never updated.</summary>
    public TrainingPlan WithModel(ModelDefinition model)
    {
        ArgumentNullException.ThrowIfNull(model);
        return this with { Models = Models.Add(model) };
    }

    /// <summary>
    /// Keeps state of the user's own beside each unit: a buffer, zeros at first, that the store holds, checkpoints carry and the memory budget counts. Stages
    /// reach it by the run: <c>run.Store.Units[visit.Unit].Own[name]</c>. A stage between clip and commit may change that of the message's unit: it is saved
    /// with the unit, at the same step.
    /// </summary>
    /// <param name="name">Unique in the plan.</param>
    /// <param name="bytesOf">Bytes for a unit; 0 for none.</param>
    /// <remarks>A checkpoint without it is refused; to add it to a run that has begun, load with the plan before and take the store over by <see cref="StoreVerbs.For"/>.</remarks>
    public TrainingPlan WithUnitState(string name, Func<UnitLayout, long> bytesOf)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        ArgumentNullException.ThrowIfNull(bytesOf);
        return this with { UnitStates = UnitStates.Add(new(name, bytesOf)) };
    }

    /// <summary>Adds a stage for an operation of the user's own, see <see cref="ProgramVisit.Op"/>.</summary>
    /// <param name="op">Its name, unique in the plan.</param>
    /// <param name="create">Makes the block; any will do.</param>
    /// <param name="traits">Place and pools; the compute lane by default.</param>
    public TrainingPlan WithOp(string op, Func<TrainingContext, StageOptions, IPropagatorBlock<OpWork, Computed>> create, StageTraits? traits = null) =>
        WithGraph(graph => graph.WithOp(op, create, traits));

    /// <summary>The plan with programs of the user's own; the ones by default are <see cref="DefaultProgrammer"/>'s.</summary>
    public TrainingPlan WithProgrammer(Func<TrainingPlan, IStepProgrammer> programmer)
    {
        ArgumentNullException.ThrowIfNull(programmer);
        return this with { Programmer = programmer };
    }

    /// <summary>Changes every program before it runs: from program to program. Functions are applied in the order in which they were added.</summary>
    public TrainingPlan WithProgram(Func<StepProgram, StepProgram> change)
    {
        ArgumentNullException.ThrowIfNull(change);
        return this with { Transforms = Transforms.Add(change) };
    }

    /// <summary>
    /// Changes every program behind all other changes, one that is run as it is (<see cref="TrainingRun.ComputeAsync"/>) too: where its values come from and go to, not what it
    /// computes.
    /// </summary>
    public TrainingPlan WithPlacement(Func<StepProgram, StepProgram> place)
    {
        ArgumentNullException.ThrowIfNull(place);
        return this with { Placements = Placements.Add(place) };
    }

    /// <summary>The plan with another objective than the next token: its head around the model's own, its changes of every program, and what it takes the mean over.</summary>
    /// <exception cref="InvalidOperationException">The plan has one already.</exception>
    public TrainingPlan WithObjective(IObjective objective)
    {
        ArgumentNullException.ThrowIfNull(objective);
        if (Objective is not null) throw new InvalidOperationException($"the plan has an objective already, {Objective.GetType().Name}; begin with a plan without one");
        var model = Model with { Head = Model.Head with { Template = objective.Head(Model.Head.Template) } };
        return (this with { Objective = objective, Models = Models.SetItem(0, model) }).WithProgram(objective.Program);
    }

    /// <summary>
    /// Says what counts for a step or a pass as a whole, where this run sees only a part of it: asked once for each, in order, before it begins. Several runs that
    /// share a step add their counts here.
    /// </summary>
    /// <param name="counts">From what this run's micro-batches count to what the whole counts.</param>
    public TrainingPlan WithCounts(Func<StepCounts, CancellationToken, ValueTask<StepCounts>> counts)
    {
        ArgumentNullException.ThrowIfNull(counts);
        return this with { Counts = counts };
    }

    /// <summary>What makes the programs of a run: the programmer, and the functions that change what it makes.</summary>
    public IStepProgrammer CreateProgrammer()
    {
        var programmer = Programmer?.Invoke(this) ?? new DefaultProgrammer(Model, Options, unit => Options.IsTrainable(Model.Units[unit]));
        var changes = Transforms.AddRange(Placements);
        return changes.IsEmpty ? programmer : new TransformingProgrammer(programmer, changes);
    }

    /// <summary>A program that is run as it is, placed.</summary>
    internal StepProgram Place(StepProgram program) => Placements.Aggregate(program, (placed, place) => place(placed));

    /// <summary>Whether a unit's gradients are summed in an fp32 accumulator.</summary>
    public bool Accumulates(int unit) => Options.GradientAccumulation > 1
        || Model.Hidden.Count(binding => binding.Unit == unit) + (Model.Head.Unit == unit ? 1 : 0) > 1;

    /// <summary>A store of zeros that fits the plan.</summary>
    /// <param name="precision">fp32, or bf16 with exact masters.</param>
    /// <param name="allocate">Makes each buffer of so many bytes, in a file for instance; ordinary memory by default.</param>
    public ParameterStore CreateStore(StorePrecision precision, Func<long, HostBuffer>? allocate = null)
    {
        List<UnitLayout> stored = [.. Model.Units.Select(Options.StoreLayout)];
        return ParameterStore.Create(stored, precision, Options.Optimizer, Trains(stored), allocate, UnitStates);
    }

    /// <summary>Whether a stored unit is trained, where <paramref name="stored"/> are the layouts of a store for the model.</summary>
    internal Func<UnitLayout, bool> Trains(IReadOnlyList<UnitLayout> stored)
    {
        var whole = stored.Zip(Model.Units).ToDictionary(pair => pair.First, pair => pair.Second, ReferenceEqualityComparer.Instance as IEqualityComparer<UnitLayout>);
        return unit => Options.IsTrainable(whole[unit]);
    }

    /// <summary>Everything that keeps the plan from running; empty if nothing does.</summary>
    public IReadOnlyList<PlanProblem> Validate() => Validate(CreateProgrammer);

    private IReadOnlyList<PlanProblem> Validate(Func<IStepProgrammer> programmer) =>
        [.. Graph.Validate(), .. TrainingPlanValidator.Check(this), .. TrainingPlanValidator.CheckPrograms(this, programmer)];

    /// <summary>Everything that keeps a program from running in this plan.</summary>
    /// <param name="program">The program.</param>
    /// <param name="microBatches">How many micro-batches its step has.</param>
    public IReadOnlyList<PlanProblem> Validate(StepProgram program, int microBatches)
    {
        var capacities = Pools.ToDictionary(pool => pool.Name, pool => pool.CapacityIn(this));
        var problems = ProgramValidator.Check(
            program, Models, microBatches,
            unit => Options.IsTrainable(Model.Units[unit]),
            op => Graph.Nodes.Exists(node => node.Name == op) && Graph.Edges.Exists(edge => edge.IsFeedback && edge.To == Stages.Join.Name),
            name => capacities.TryGetValue(name, out var capacity) ? capacity : null);
        return problems.Count > 0 || !capacities.ContainsKey(PoolNames.Accumulators) ? problems
            : [.. program.TrainedUnits.Where(unit => program.GradientsOf(unit) > 1 && !Accumulates(unit)).Select(unit => new PlanProblem(
                $"unit '{Model.Units[unit].Name}'", $"its program gives {program.GradientsOf(unit)} gradients, which nothing sums",
                $"let a step have several micro-batches ({nameof(TrainingOptions.GradientAccumulation)}), or give one gradient"))];
    }

    /// <summary>Where messages for a stage enter: at the stage, or at what was inserted before it.</summary>
    internal string EntryOf(string stage) => Graph.Node(stage).Traits.IsEntry ? stage
        : EntryOf(Graph.Edges.Where(edge => edge.To == stage && !edge.IsFeedback && Graph.Node(edge.From).Traits is { IsHub: false }).Select(edge => edge.From)
            .First(from => TrainingPlanValidator.HasEntry(Graph, from)));

    /// <summary>A picture of the graph.</summary>
    /// <param name="precision">For the bytes of the pools.</param>
    /// <param name="shares">Measured shares, from a run.</param>
    public GraphDrawing Draw(StorePrecision precision = StorePrecision.Bf16, IReadOnlyDictionary<string, StageShares>? shares = null)
    {
        var budget = MemoryBudget.Of(this, precision);
        var unused = Pools.Where(pool => pool.CapacityIn(this) == 0).Select(pool => pool.Name).ToHashSet();
        return GraphDrawing.Of(Graph, pool => unused.Contains(pool) ? null : budget.DescribePool(pool), shares).WithFeedback(Stages.Commit.Name, Stages.Fetch.Name, "unit at version t+1");
    }

    /// <summary>Starts the run: makes pools and blocks, page-locks the weights. Nothing is computed before the first step.</summary>
    /// <param name="store">The parameters; must have been made for the same units.</param>
    /// <param name="device">Where to compute. Belongs to the caller.</param>
    /// <param name="options">Token, clock and observers.</param>
    /// <param name="others">The stores of the models that <see cref="WithModel"/> added, in their order; only read.</param>
    /// <exception cref="PlanException">The plan cannot run; every problem is listed.</exception>
    /// <exception cref="HorizonException">The store does not fit the plan or is damaged.</exception>
    public TrainingRun Start(ParameterStore store, IComputeDevice device, GraphRunOptions? options = null, params IReadOnlyList<ParameterStore> others)
    {
        ArgumentNullException.ThrowIfNull(store);
        ArgumentNullException.ThrowIfNull(device);
        IStepProgrammer? programmer = null;
        var problems = Validate(() => programmer ??= CreateProgrammer());
        if (problems.Count == 0) problems = [.. TrainingPlanValidator.CheckMemory(this, store.Precision, device)];
        return problems.Count > 0 ? throw new PlanException(problems) : new TrainingRun(this, programmer!, [store, .. others], device, options ?? new());
    }
}

using System.Collections.Immutable;
using System.Threading.Tasks.Dataflow;

namespace Horizon.Flow.Graph;

/// <summary>
/// The blueprint of a graph: stages and edges, immutable, owning nothing. Each verb gives a new plan; <see cref="Start"/> makes
/// blocks of it.
/// </summary>
/// <typeparam name="TContext">What a run gives to every recipe: store, device, pools.</typeparam>
public sealed record GraphPlan<TContext>
{
    /// <summary>A plan without stages.</summary>
    public static GraphPlan<TContext> Empty { get; } = new();

    /// <summary>The stages, in the order they were added.</summary>
    public ImmutableList<PlanNode<TContext>> Nodes { get; private init; } = [];

    /// <summary>The edges; of several out of one stage, the first whose route takes a message gets it.</summary>
    public ImmutableList<PlanEdge> Edges { get; private init; } = [];

    /// <summary>Adds a stage.</summary>
    public GraphPlan<TContext> Add<TIn, TOut>(
        StageKey<TIn, TOut> key, Func<TContext, StageOptions, IPropagatorBlock<TIn, TOut>> create, StageTraits? traits = null)
        where TOut : class =>
        this with { Nodes = Nodes.Add(new(key.Name, typeof(TIn), typeof(TOut), traits ?? new(), create)) };

    /// <summary>Adds the end of a line.</summary>
    public GraphPlan<TContext> Add<TIn>(
        SinkKey<TIn> key, Func<TContext, StageOptions, ITargetBlock<TIn>> create, StageTraits? traits = null) =>
        this with { Nodes = Nodes.Add(new(key.Name, typeof(TIn), null, traits ?? new(), create)) };

    /// <summary>Links two stages by name; the types are checked by <see cref="Validate"/>.</summary>
    public GraphPlan<TContext> Connect<TMessage>(string from, string to, string? route = null, Predicate<TMessage>? takes = null)
        where TMessage : class
    {
        if (route is null != takes is null) throw new ArgumentException("a route needs both its name and its predicate", nameof(route));
        return this with { Edges = Edges.Add(new PlanEdge<TMessage>(from, to, route, takes)) };
    }

    /// <summary>Links two stages; the compiler checks the types.</summary>
    public GraphPlan<TContext> Connect<TIn, TMessage, TOut>(
        StageKey<TIn, TMessage> from, StageKey<TMessage, TOut> to, string? route = null, Predicate<TMessage>? takes = null)
        where TMessage : class
        where TOut : class => Connect(from.Name, to.Name, route, takes);

    /// <summary>Links a stage to the end of a line; the compiler checks the types.</summary>
    public GraphPlan<TContext> Connect<TIn, TMessage>(
        StageKey<TIn, TMessage> from, SinkKey<TMessage> to, string? route = null, Predicate<TMessage>? takes = null)
        where TMessage : class => Connect(from.Name, to.Name, route, takes);

    /// <summary>The stage of that name.</summary>
    /// <exception cref="ArgumentException">The plan has none; the message lists those it has.</exception>
    public PlanNode<TContext> Node(string name) => Nodes.Find(node => node.Name == name)
        ?? throw new ArgumentException($"the plan has no stage '{name}'; it has {string.Join(", ", Nodes.Select(node => node.Name))}", nameof(name));

    /// <summary>Puts another recipe in a stage's place; its edges stay.</summary>
    public GraphPlan<TContext> Replace<TIn, TOut>(
        StageKey<TIn, TOut> key, Func<TContext, StageOptions, IPropagatorBlock<TIn, TOut>> create, StageTraits? traits = null)
        where TOut : class => Exchange(key.Name, node => node with { Create = create, Traits = traits ?? node.Traits });

    /// <summary>Puts another recipe in a sink's place; its edges stay.</summary>
    public GraphPlan<TContext> Replace<TIn>(
        SinkKey<TIn> key, Func<TContext, StageOptions, ITargetBlock<TIn>> create, StageTraits? traits = null) =>
        Exchange(key.Name, node => node with { Create = create, Traits = traits ?? node.Traits });

    /// <summary>Changes a stage's bounds.</summary>
    public GraphPlan<TContext> WithTraits(string name, Func<StageTraits, StageTraits> change)
    {
        ArgumentNullException.ThrowIfNull(change);
        return Exchange(name, node => node with { Traits = change(node.Traits) });
    }

    /// <summary>Puts a new stage on everything that leaves <paramref name="key"/>: it takes over all its outgoing edges and routes.</summary>
    public GraphPlan<TContext> InsertAfter<TIn, TOut>(
        StageKey<TIn, TOut> key, string name, Func<TContext, StageOptions, IPropagatorBlock<TOut, TOut>> create, StageTraits? traits = null)
        where TOut : class
    {
        Node(key.Name);
        var plan = Add(new StageKey<TOut, TOut>(name), create, traits);
        return (plan with { Edges = [.. plan.Edges.Select(edge => edge.From == key.Name ? edge with { From = name } : edge)] })
            .Connect<TOut>(key.Name, name);
    }

    /// <summary>Puts a new stage on everything that enters <paramref name="key"/>.</summary>
    public GraphPlan<TContext> InsertBefore<TIn, TOut>(
        StageKey<TIn, TOut> key, string name, Func<TContext, StageOptions, IPropagatorBlock<TIn, TIn>> create, StageTraits? traits = null)
        where TIn : class
        where TOut : class => InsertBefore(Node(key.Name), name, create, traits);

    /// <summary>Puts a new stage on everything that enters <paramref name="key"/>, the end of a line.</summary>
    public GraphPlan<TContext> InsertBefore<TIn>(
        SinkKey<TIn> key, string name, Func<TContext, StageOptions, IPropagatorBlock<TIn, TIn>> create, StageTraits? traits = null)
        where TIn : class => InsertBefore(Node(key.Name), name, create, traits);

    /// <summary>Takes a stage with equal input and output out again; its neighbours are linked to each other.</summary>
    public GraphPlan<TContext> Remove<TMessage>(StageKey<TMessage, TMessage> key)
        where TMessage : class
    {
        var node = Node(key.Name);
        var next = Edges.Where(edge => edge.From == key.Name).ToList();
        if (next is not [{ Route: null } only])
            throw new InvalidOperationException($"stage '{key.Name}' routes messages to several stages and cannot be taken out");
        var plan = this with
        {
            Nodes = Nodes.Remove(node),
            Edges = [.. Edges.Remove(only).Select(edge => edge.To == key.Name ? edge with { To = only.To } : edge)],
        };
        return node.Traits.IsEntry ? plan.WithTraits(only.To, traits => traits with { IsEntry = true }) : plan;
    }

    /// <summary>Everything that keeps the plan from running; empty if nothing does.</summary>
    public IReadOnlyList<PlanProblem> Validate() => PlanValidator.Check(this);

    /// <summary>Makes the blocks and links them.</summary>
    /// <param name="context">Handed to every recipe.</param>
    /// <param name="options">Token, clock and observers.</param>
    /// <exception cref="PlanException">The plan cannot run; every problem is listed.</exception>
    public RunningGraph Start(TContext context, GraphRunOptions? options = null)
    {
        var problems = Validate();
        if (problems.Count > 0) throw new PlanException(problems);
        return RunningGraph.Build(this, context, options ?? new());
    }

    private GraphPlan<TContext> InsertBefore<TIn>(
        PlanNode<TContext> node, string name, Func<TContext, StageOptions, IPropagatorBlock<TIn, TIn>> create, StageTraits? traits)
        where TIn : class
    {
        if (Edges.Find(edge => edge.To == node.Name && Nodes.Exists(from => from.Name == edge.From && from.Traits.StaysBeforeNext)) is { } stays)
            return InsertBefore(Node(stays.From), name, create, traits);
        var plan = Add(new StageKey<TIn, TIn>(name), create, (traits ?? new()) with { IsEntry = node.Traits.IsEntry });
        plan = plan with { Edges = [.. plan.Edges.Select(edge => edge.To == node.Name ? edge with { To = name } : edge)] };
        return plan.Exchange(node.Name, old => old with { Traits = old.Traits with { IsEntry = false } }).Connect<TIn>(name, node.Name);
    }

    private GraphPlan<TContext> Exchange(string name, Func<PlanNode<TContext>, PlanNode<TContext>> change)
    {
        var node = Node(name);
        return this with { Nodes = Nodes.Replace(node, change(node)) };
    }
}

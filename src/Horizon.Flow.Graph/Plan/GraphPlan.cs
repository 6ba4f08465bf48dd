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
    /// <param name="from">The giving stage.</param>
    /// <param name="to">The taking stage.</param>
    /// <param name="route">Which messages take the edge, in words; null for all that no earlier edge took.</param>
    /// <param name="takes">The same as a predicate.</param>
    /// <param name="feedback">Whether it leads back to a hub that the stage gets its messages from.</param>
    public GraphPlan<TContext> Connect<TMessage>(string from, string to, string? route = null, Predicate<TMessage>? takes = null, bool feedback = false)
        where TMessage : class
    {
        if (route is null != takes is null) throw new ArgumentException("a route needs both its name and its predicate", nameof(route));
        return this with { Edges = Edges.Add(new PlanEdge<TMessage>(from, to, route, takes) { IsFeedback = feedback }) };
    }

    /// <summary>Links two stages; the compiler checks the types.</summary>
    public GraphPlan<TContext> Connect<TIn, TMessage, TTaken, TOut>(
        StageKey<TIn, TMessage> from, StageKey<TTaken, TOut> to, string? route = null, Predicate<TMessage>? takes = null)
        where TMessage : class, TTaken
        where TOut : class => Connect(from.Name, to.Name, route, takes);

    /// <summary>Links a stage to the end of a line; the compiler checks the types.</summary>
    public GraphPlan<TContext> Connect<TIn, TMessage, TTaken>(
        StageKey<TIn, TMessage> from, SinkKey<TTaken> to, string? route = null, Predicate<TMessage>? takes = null)
        where TMessage : class, TTaken => Connect(from.Name, to.Name, route, takes);

    /// <summary>Links a hub's port for the messages that <paramref name="to"/> takes.</summary>
    public GraphPlan<TContext> ConnectPort<TIn, TGiven, TMessage, TOut>(
        StageKey<TIn, TGiven> hub, StageKey<TMessage, TOut> to, string? route = null, Predicate<TMessage>? takes = null)
        where TGiven : class
        where TMessage : class, TGiven
        where TOut : class => Connect(hub.Name, to.Name, route, takes);

    /// <summary>Links a stage back to the hub that it gets its messages from.</summary>
    public GraphPlan<TContext> Feed<TIn, TMessage, TTaken, TOut>(StageKey<TIn, TMessage> from, StageKey<TTaken, TOut> hub)
        where TMessage : class, TTaken
        where TOut : class => Connect<TMessage>(from.Name, hub.Name, feedback: true);

    /// <summary>Takes every edge between two stages away.</summary>
    /// <exception cref="ArgumentException">There is none.</exception>
    public GraphPlan<TContext> Disconnect(string from, string to)
    {
        FindEdges(from, to);
        return this with { Edges = Edges.RemoveAll(edge => edge.From == from && edge.To == to) };
    }

    /// <summary>Takes a stage away with all its edges. What gave to it must be linked to something else.</summary>
    public GraphPlan<TContext> Drop(string name)
    {
        var node = Node(name);
        return this with { Nodes = Nodes.Remove(node), Edges = Edges.RemoveAll(edge => edge.From == name || edge.To == name) };
    }

    /// <summary>Takes up the stages and edges of another plan: a fragment, to be connected by the edges that come after.</summary>
    public GraphPlan<TContext> Include(GraphPlan<TContext> fragment)
    {
        ArgumentNullException.ThrowIfNull(fragment);
        return this with { Nodes = Nodes.AddRange(fragment.Nodes), Edges = Edges.AddRange(fragment.Edges) };
    }

    /// <summary>Puts a new stage on the edge between two stages, and on no other edge of theirs; its route and its feedback stay.</summary>
    /// <exception cref="ArgumentException">There is no such edge for messages of this type.</exception>
    public GraphPlan<TContext> InsertBetween<TMessage>(
        string from, string to, string name, Func<TContext, StageOptions, IPropagatorBlock<TMessage, TMessage>> create, StageTraits? traits = null)
        where TMessage : class
    {
        var edges = FindEdges(from, to).OfType<PlanEdge<TMessage>>().ToList();
        if (edges.Count == 0) throw new ArgumentException($"the edge {from} -> {to} does not carry {typeof(TMessage).Name}; it carries {FindEdges(from, to)[0].Message.Name}", nameof(to));
        var plan = Add(new StageKey<TMessage, TMessage>(name), create, traits);
        return plan with { Edges = [.. plan.Edges.Select(edge => edge is PlanEdge<TMessage> one && edges.Contains(one) ? one with { To = name, IsFeedback = false } : edge), new PlanEdge<TMessage>(name, to) { IsFeedback = edges[0].IsFeedback }] };
    }

    /// <summary>The stages that messages of a stage may come to, over edges that are not feedback.</summary>
    public IReadOnlySet<string> Behind(string name)
    {
        var found = new HashSet<string>();
        var open = new Queue<string>([name]);
        while (open.TryDequeue(out var next))
        {
            foreach (var edge in Edges.Where(edge => !edge.IsFeedback && edge.From == next && found.Add(edge.To))) open.Enqueue(edge.To);
        }

        return found;
    }

    /// <summary>Whether what goes from <paramref name="from"/> to <paramref name="to"/> comes as it was: no stage between may change it. What leads elsewhere is no matter.</summary>
    public bool ComesUnchanged(string from, string to) => Behind(from).Contains(to)
        && Behind(from).Where(stage => stage != to && Behind(stage).Contains(to)).All(stage => Nodes.Find(node => node.Name == stage) is { Traits.PassesThrough: true });

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
        var only = next is [{ Route: null } one] ? one : null;
        // Several edges out of it take the place of the one into it, unless that one or an entry has to choose among them.
        if (only is null && (node.Traits.IsEntry || Edges.Exists(edge => edge.To == key.Name && (edge.Route is not null || edge.IsFeedback))))
            throw new InvalidOperationException($"stage '{key.Name}' routes messages to several stages and cannot be taken out");
        var plan = this with
        {
            Nodes = Nodes.Remove(node),
            Edges = [.. Edges.Where(edge => edge.From != key.Name).SelectMany(edge => edge.To != key.Name ? [edge]
                : only is not null ? [edge with { To = only.To }] : next.Select(one => one with { From = edge.From }))],
        };
        return only is not null && node.Traits.IsEntry ? plan.WithTraits(only.To, traits => traits with { IsEntry = true }) : plan;
    }

    /// <summary>The same edges between stages that were changed one by one; names and types stay.</summary>
    public GraphPlan<TContext> MapNodes(Func<PlanNode<TContext>, PlanNode<TContext>> change)
    {
        ArgumentNullException.ThrowIfNull(change);
        return this with { Nodes = [.. Nodes.Select(node => change(node) with { Name = node.Name, Input = node.Input, Output = node.Output })] };
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

    private List<PlanEdge> FindEdges(string from, string to)
    {
        var found = Edges.Where(edge => edge.From == Node(from).Name && edge.To == Node(to).Name).ToList();
        return found.Count > 0 ? found
            : throw new ArgumentException($"there is no edge {from} -> {to}; '{from}' leads to {string.Join(", ", Edges.Where(edge => edge.From == from).Select(edge => edge.To).DefaultIfEmpty("nothing"))}");
    }

    private GraphPlan<TContext> Exchange(string name, Func<PlanNode<TContext>, PlanNode<TContext>> change)
    {
        var node = Node(name);
        return this with { Nodes = Nodes.Replace(node, change(node)) };
    }
}

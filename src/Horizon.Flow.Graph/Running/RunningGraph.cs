using System.Threading.Tasks.Dataflow;

namespace Horizon.Flow.Graph;

/// <summary>
/// The blocks of one run. The first exception in any block, a user's too, stops them all; it is the one reported. Whatever a block does, the
/// run ends within <see cref="GraphRunOptions.StopTimeout"/> of a stop.
/// </summary>
public sealed class RunningGraph : IDisposable
{
    private readonly Dictionary<string, IDataflowBlock> _blocks = [];
    private readonly CancellationTokenSource _stop;
    private readonly List<StageProbe> _probes = [];
    private readonly HashSet<string> _entries = [];
    private readonly HashSet<string> _sourceless = [];
    private readonly GraphRunOptions _options;
    private StageException? _fault;

    private RunningGraph(GraphRunOptions options)
    {
        _options = options;
        _stop = CancellationTokenSource.CreateLinkedTokenSource(options.Cancellation);
    }

    /// <summary>
    /// Ends when every block has ended, or, after a stop, when <see cref="GraphRunOptions.StopTimeout"/> is over; never faults by itself, see
    /// <see cref="Fault"/>.
    /// </summary>
    public Task Completion { get; private set; } = Task.CompletedTask;

    /// <summary>Stages whose blocks had not ended when <see cref="Completion"/> did: their bodies may still run and use what their messages hold.</summary>
    public IReadOnlyList<string> Unended { get; private set; } = [];

    /// <summary>The stage of this graph whose body, or a task that it started, is the caller; null for anyone else.</summary>
    public string? StageOfCaller => StageCall.Current?.Probe is { } probe && _probes.Contains(probe) ? probe.Stage : null;

    /// <summary>The first thing that went wrong, or null.</summary>
    public StageException? Fault => Volatile.Read(ref _fault);

    /// <summary>Cancelled by the first fault, by <see cref="Stop"/>, or from outside.</summary>
    public CancellationToken Stopping => _stop.Token;

    /// <summary>The measurements, stage by stage.</summary>
    public IReadOnlyList<StageProbe> Probes => _probes;

    /// <summary>The block of a stage.</summary>
    public IDataflowBlock Block(string name) => _blocks[name];

    /// <summary>The value that a stage keeps, as it is now.</summary>
    /// <exception cref="ArgumentException">There is no such stage, or it keeps no such value.</exception>
    public T Value<T>(string name) => _blocks.GetValueOrDefault(name) is IStageValue<T> block ? block.Value
        : throw new ArgumentException(_blocks.ContainsKey(name) ? $"stage '{name}' keeps no value of type {typeof(T).Name}; let its block be an {nameof(IStageValue<T>)}" : $"the graph has no stage '{name}'", nameof(name));

    /// <summary>The block that takes what comes from outside.</summary>
    /// <param name="name">The stage, one of those marked as an entry.</param>
    public ITargetBlock<TIn> Entry<TIn>(string name) => _entries.Contains(name) && _blocks[name] is ITargetBlock<TIn> block ? block
        : throw new ArgumentException($"'{name}' is no entry for {typeof(TIn).Name}; entries are {string.Join(", ", _entries.Order(StringComparer.Ordinal))}", nameof(name));

    /// <summary>The one entry that takes messages of this type.</summary>
    public ITargetBlock<TIn> Entry<TIn>()
    {
        var found = _entries.Where(entry => _blocks[entry] is ITargetBlock<TIn>).ToList();
        return found.Count == 1 ? (ITargetBlock<TIn>)_blocks[found[0]]
            : throw new InvalidOperationException($"{found.Count} entries take {typeof(TIn).Name}; name one of {string.Join(", ", _entries.Order(StringComparer.Ordinal))}");
    }

    /// <summary>Says that nothing more comes from outside: the graph ends when what is inside has gone through.</summary>
    public void Complete()
    {
        foreach (var entry in _entries.Where(entry => _sourceless.Contains(entry))) _blocks[entry].Complete();
    }

    /// <summary>Disposes what hubs own and a stopped graph left with them; after the end.</summary>
    public void DisposeHubs()
    {
        foreach (var hub in _blocks.Values.Where(block => block is IHub)) (hub as IDisposable)?.Dispose();
    }

    /// <summary>What its hubs wait for, in words.</summary>
    public string State => string.Join("; ", _blocks.Where(pair => pair.Value is IHub).Select(pair => $"{pair.Key} {((IHub)pair.Value).State}"));

    /// <summary>Stops every block at once; messages inside are dropped.</summary>
    public void Stop() => _stop.Cancel();

    /// <summary>
    /// Waits until the graph, which was told to complete and has nothing more to expect, has ended. While anything moves it waits on; where a
    /// block stands still without ending for <see cref="GraphRunOptions.StopTimeout"/>, it stops the graph.
    /// </summary>
    public async Task FinishAsync()
    {
        for (var (before, now) = (-1L, Moved); !Completion.IsCompleted && now != before; (before, now) = (now, Moved))
        {
            try
            {
                await Completion.WaitAsync(_options.StopTimeout, _options.Time).ConfigureAwait(false);
            }
            catch (TimeoutException)
            {
                continue;
            }
        }

        if (!Completion.IsCompleted) Stop();
        await Completion.ConfigureAwait(false);
    }

    /// <summary>Records a fault found outside the blocks and stops the graph.</summary>
    public void Report(StageException fault)
    {
        Interlocked.CompareExchange(ref _fault, fault, null);
        try
        {
            _stop.Cancel();
        }
        catch (ObjectDisposedException)
        {
            // A block that was slow to end reports after the run was put away; the first fault stands.
            return;
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (Unended.Count == 0) _stop.Dispose(); // else still asked
    }

    internal static RunningGraph Build<TContext>(GraphPlan<TContext> plan, TContext context, GraphRunOptions options)
    {
        var graph = new RunningGraph(options);
        var watched = new Dictionary<string, Task<Exception?>>();
        foreach (var node in plan.Nodes)
        {
            var probe = new StageProbe(node.Name, options.Time, options.OnSpan);
            graph._probes.Add(probe);
            var block = node.Create(context, new StageOptions
            {
                Name = node.Name,
                Capacity = node.Traits.Capacity,
                Parallelism = node.Traits.Parallelism,
                Cancellation = graph.Stopping,
                Scheduler = options.Places.GetValueOrDefault(node.Traits.RunsOn),
                OnFault = graph.Report,
                Probe = probe,
            }) ?? throw new PlanException([new($"stage '{node.Name}'", "its recipe gave no block", "return one")]);
            graph._blocks.Add(node.Name, block);
            if (node.Traits.IsEntry) graph._entries.Add(node.Name);
            watched.Add(node.Name, graph.Watch(node.Name, block));
        }

        foreach (var node in plan.Nodes)
        {
            var outgoing = plan.Edges.Where(edge => edge.From == node.Name).ToList();
            for (var i = 0; i < outgoing.Count; i++)
                outgoing[i].Link(graph._blocks[node.Name], graph._blocks[outgoing[i].To], outgoing[..i]);
            foreach (var routed in outgoing.GroupBy(edge => edge.Message).Where(edges => edges.All(edge => edge.Route is not null)))
                routed.First().LinkDeadEnd(graph._blocks[node.Name], [.. routed], graph.Report);
            var sources = plan.Edges.Where(edge => edge.To == node.Name && !edge.IsFeedback).Select(edge => watched[edge.From]).Distinct().ToList();
            if (sources.Count > 0) Links.PropagateCompletion(sources, graph._blocks[node.Name]);
            else graph._sourceless.Add(node.Name);
        }

        graph.Completion = graph.EndAsync(watched);
        graph.Stopping.Register(() =>
        {
            foreach (var edge in plan.Edges) edge.Drain(graph._blocks[edge.From]);
        });
        return graph;
    }

    private long Moved => _probes.Sum(probe => probe.Shares.Messages) + _blocks.Values.OfType<IWatching>().Sum(block => block.Watched);

    private async Task EndAsync(Dictionary<string, Task<Exception?>> blocks)
    {
        var all = Task.WhenAll(blocks.Values);
        var stopped = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using (Stopping.Register(stopped.SetResult))
        {
            if (await Task.WhenAny(all, stopped.Task).ConfigureAwait(false) == all) return;
        }

        try
        {
            await all.WaitAsync(_options.StopTimeout, _options.Time).ConfigureAwait(false);
        }
        catch (TimeoutException)
        {
            var late = blocks.Where(pair => !pair.Value.IsCompleted).Select(pair => pair.Key).ToList();
            // A watcher has only what was copied for it: it is named, but holds nothing of the run.
            Unended = [.. late.Where(name => _blocks[name] is not IWatching { IsThrough: true })];
            if (late.Count > 0) Volatile.Write(ref _fault, StageException.GivenUp(Fault, late, _options.StopTimeout));
        }
    }

    /// <summary>Ends with the block, never faults. Blocks that are not ours say what went wrong only by their completion.</summary>
    private Task<Exception?> Watch(string name, IDataflowBlock block) => block.Completion.ContinueWith(
        done =>
        {
            if (!done.IsFaulted) return null;
            var cause = done.Exception.Flatten().InnerExceptions[0];
            Report(cause as StageException ?? StageException.InForeignBlock(name, cause.Data["DataflowMessageValue"]?.ToString(), cause));
            return (Exception?)cause;
        },
        CancellationToken.None,
        TaskContinuationOptions.ExecuteSynchronously,
        TaskScheduler.Default);
}

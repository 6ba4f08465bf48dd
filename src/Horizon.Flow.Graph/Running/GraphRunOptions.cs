namespace Horizon.Flow.Graph;

/// <summary>What one run of a graph is started with.</summary>
public sealed record GraphRunOptions
{
    /// <summary>Stops every block at once when cancelled.</summary>
    public CancellationToken Cancellation { get; init; }

    /// <summary>Schedulers by the places that traits name (<see cref="StageTraits.RunsOn"/>); a stage elsewhere runs on the thread pool.</summary>
    public IReadOnlyDictionary<string, TaskScheduler> Places { get; init; } = new Dictionary<string, TaskScheduler>();

    /// <summary>The clock of all measurements.</summary>
    /// <value>The system's.</value>
    public TimeProvider Time { get; init; } = TimeProvider.System;

    /// <summary>Is told of each message's stay in each stage; must be quick and must not throw. Null for none.</summary>
    public Action<StageSpan>? OnSpan { get; init; }

    /// <summary>
    /// How long blocks may take to end once the run is stopped, by a fault or from outside, and how long a run that ends stands still for one
    /// that does not. Then it ends without them: they are named, and what they may still use is left to the process.
    /// </summary>
    /// <value>20 seconds.</value>
    public TimeSpan StopTimeout { get; init; } = TimeSpan.FromSeconds(20);

    /// <summary>
    /// When no stage has finished a message for this long while work is under way, and some stage works on one, or waits in it for something
    /// outside the graph, the run fails and names that stage: its body is taken for one that never ends.
    /// </summary>
    /// <value>30 minutes.</value>
    public TimeSpan BodyTimeout { get; init; } = TimeSpan.FromMinutes(30);

    /// <summary>
    /// When no stage has finished a message, and none works on one, for this long while work is under way, the run fails instead of standing
    /// still for ever: a block has dropped a message. Must be longer than any block of your own takes that is not a stage.
    /// </summary>
    /// <value>Two minutes.</value>
    public TimeSpan StallTimeout { get; init; } = TimeSpan.FromMinutes(2);
}

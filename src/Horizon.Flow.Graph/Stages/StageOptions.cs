using System.Threading.Tasks.Dataflow;

namespace Horizon.Flow.Graph;

/// <summary>What any stage is built with, whatever it does. A run fills it in from the plan; alone, the defaults do.</summary>
public sealed record StageOptions
{
    /// <summary>The stage's name in errors, drawings and reports.</summary>
    /// <value>"stage".</value>
    public string Name { get; init; } = "stage";

    /// <summary>Messages that the stage may hold: queued, running and not yet taken by the next stage together.</summary>
    /// <value>1.</value>
    public int Capacity { get; init; } = 1;

    /// <summary>Messages worked on at once. More than 1 keeps the order of outputs.</summary>
    /// <value>1.</value>
    public int Parallelism { get; init; } = 1;

    /// <summary>Where bodies run, one message a task; null for the thread pool.</summary>
    public TaskScheduler? Scheduler { get; init; }

    /// <summary>Stops the stage at once; what it holds is dropped.</summary>
    public CancellationToken Cancellation { get; init; }

    /// <summary>Hears of the first exception, before the block faults. Null: the block's completion alone carries it.</summary>
    public Action<StageException>? OnFault { get; init; }

    /// <summary>Measures the stage; null for none.</summary>
    public StageProbe? Probe { get; init; }

    /// <summary>The same bounds for a stock Dataflow block.</summary>
    public ExecutionDataflowBlockOptions ToDataflow() => new()
    {
        NameFormat = Name,
        BoundedCapacity = Math.Max(Capacity, Parallelism),
        MaxDegreeOfParallelism = Parallelism,
        CancellationToken = Cancellation,
        EnsureOrdered = true,
        TaskScheduler = Scheduler ?? TaskScheduler.Default,
        MaxMessagesPerTask = Scheduler is null ? DataflowBlockOptions.Unbounded : 1,
    };
}

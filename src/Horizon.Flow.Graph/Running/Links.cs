using System.Threading.Tasks.Dataflow;

namespace Horizon.Flow.Graph;

/// <summary>The one place where blocks are linked. Completion is not left to LinkTo: a stage with several sources ends after the last.</summary>
internal static class Links
{
    public static void Connect<T>(ISourceBlock<T> source, ITargetBlock<T> target, Predicate<T>? takes)
    {
        var options = new DataflowLinkOptions { PropagateCompletion = false };
        if (takes is null) source.LinkTo(target, options);
        else source.LinkTo(target, options, takes);
    }

    /// <summary>A message that no route takes would stop its stage for ever: it is a fault instead.</summary>
    public static void DeadEnd<T>(ISourceBlock<T> source, string stage, Predicate<T> isUnclaimed, Action<StageException> onFault)
    {
        var end = new ActionBlock<T>(message => onFault(new StageException(
            stage, message as IUnitMessage, new InvalidOperationException($"no edge out of '{stage}' takes {message}; add a route for it"))));
        source.LinkTo(end, new DataflowLinkOptions { PropagateCompletion = true }, isUnclaimed);
    }

    /// <summary>
    /// Lets everything that is left in a stopped source run out. A block that was told to complete before it was cancelled would otherwise
    /// keep its last output for ever, since the next block no longer takes it.
    /// </summary>
    public static void Drain<T>(ISourceBlock<T> source) => source.LinkTo(DataflowBlock.NullTarget<T>(), new DataflowLinkOptions());

    /// <summary>Completes <paramref name="target"/> when all its sources have, or faults it with the first that faulted.</summary>
    /// <param name="watched">The sources' completions, each after its fault was reported, so that the first fault is the one that counts.</param>
    /// <param name="target">The stage behind them.</param>
    public static void PropagateCompletion(IReadOnlyList<Task<Exception?>> watched, IDataflowBlock target) =>
        Task.WhenAll(watched).ContinueWith(
            all =>
            {
                if (Array.Find(all.Result, fault => fault is not null) is { } fault) target.Fault(fault);
                else target.Complete();
            },
            CancellationToken.None,
            TaskContinuationOptions.ExecuteSynchronously,
            TaskScheduler.Default);
}

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
    public static void DeadEnd<T>(ISourceBlock<T> source, string stage, Action<StageException> onFault)
    {
        var end = new ActionBlock<T>(message => onFault(new StageException(
            stage, message as IUnitMessage, new InvalidOperationException($"no edge out of '{stage}' takes {message}; add a route for it"))));
        source.LinkTo(end, new DataflowLinkOptions { PropagateCompletion = true });
    }

    /// <summary>Completes <paramref name="target"/> when all its sources have, or faults it with the first that faulted.</summary>
    public static void PropagateCompletion(IReadOnlyList<IDataflowBlock> sources, IDataflowBlock target) =>
        Task.WhenAll(sources.Select(source => source.Completion)).ContinueWith(
            all =>
            {
                if (all.IsFaulted) target.Fault(all.Exception.InnerException ?? all.Exception);
                else target.Complete();
            },
            CancellationToken.None,
            TaskContinuationOptions.ExecuteSynchronously,
            TaskScheduler.Default);
}

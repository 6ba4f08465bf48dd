using System.Threading.Tasks.Dataflow;

namespace Horizon.Flow.Graph;

/// <summary>Messages that wait in front of a stage, which takes the least of them first, and of equal ones that which came first.</summary>
/// <typeparam name="T">A message.</typeparam>
internal sealed class WaitingMessages<T>(IComparer<T> order)
{
    private readonly List<T> _messages = [];

    /// <summary>The block that messages come in by: it holds as many as the stage's bound leaves beside those that are worked on.</summary>
    /// <param name="stage">What it gives a message says only that one waits; which one, <see cref="Take"/> says.</param>
    /// <param name="options">The stage's.</param>
    public ITargetBlock<T> Before(ITargetBlock<T> stage, StageOptions options)
    {
        var entrance = new TransformBlock<T, T>(Add, new ExecutionDataflowBlockOptions
        {
            NameFormat = options.Name, BoundedCapacity = options.Capacity - options.Parallelism, CancellationToken = options.Cancellation, TaskScheduler = options.Scheduler ?? TaskScheduler.Default,
        });
        entrance.LinkTo(stage, new DataflowLinkOptions { PropagateCompletion = true });
        // A stage that faulted takes nothing any more: nor does what stands before it.
        stage.Completion.ContinueWith(
            done => ((IDataflowBlock)entrance).Fault(done.Exception!), CancellationToken.None, TaskContinuationOptions.OnlyOnFaulted | TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
        return entrance;
    }

    /// <summary>The least of those that wait; called once for each that the stage was given.</summary>
    public T Take()
    {
        lock (_messages)
        {
            var least = 0;
            for (var i = 1; i < _messages.Count; i++)
                if (order.Compare(_messages[i], _messages[least]) < 0) least = i;
            var message = _messages[least];
            _messages.RemoveAt(least);
            return message;
        }
    }

    private T Add(T message)
    {
        lock (_messages) _messages.Add(message);
        return message;
    }
}

using System.Collections.Concurrent;
using Horizon.Flow.Graph;

namespace Horizon.Flow.Testing;

/// <summary>What the users' stages of one run have done, and the token by which they cancel it.</summary>
public sealed class UserStageLog : IDisposable
{
    private readonly ConcurrentQueue<UserStage> _done = [];
    private readonly ConcurrentQueue<Exception> _planted = [];
    private readonly CancellationTokenSource _cancel = new();

    /// <summary>Stages that have misbehaved, in that order.</summary>
    public IReadOnlyCollection<UserStage> Done => _done;

    /// <summary>What they have thrown.</summary>
    public IReadOnlyCollection<Exception> Planted => _planted;

    /// <summary>The run's cancellation: <see cref="GraphRunOptions.Cancellation"/>.</summary>
    public CancellationToken Cancellation => _cancel.Token;

    /// <inheritdoc/>
    public void Dispose() => _cancel.Dispose();

    internal void Note(UserStage stage) => _done.Enqueue(stage);

    internal Exception Plant(Exception planted)
    {
        _planted.Enqueue(planted);
        return planted;
    }

    internal void Cancel() => _cancel.Cancel();
}

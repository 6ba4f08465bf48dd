using System.Collections.Concurrent;
using static TorchSharp.torch;

namespace Horizon.Flow;

/// <summary>temporary</summary>
public sealed class ComputeLane : IDisposable
{
    private readonly BlockingCollection<Action> _work = [];
    private readonly Thread _thread;
    /// <summary>t</summary>
    public ComputeLane()
    {
        _thread = new Thread(() =>
        {
            using var noGrad = no_grad();
            foreach (var work in _work.GetConsumingEnumerable()) work();
        }) { IsBackground = true };
        _thread.Start();
    }
    /// <summary>t</summary>
    public Task<T> RunAsync<T>(Func<T> body, CancellationToken cancellationToken = default)
    {
        var source = new TaskCompletionSource<T>(TaskCreationOptions.RunContinuationsAsynchronously);
        _work.Add(() =>
        {
            if (cancellationToken.IsCancellationRequested) { source.TrySetCanceled(cancellationToken); return; }
            try
            {
                using var scope = NewDisposeScope();
                source.TrySetResult(body());
            }
            catch (Exception e) { source.TrySetException(e); }
        });
        return source.Task;
    }
    /// <summary>t</summary>
    public Task RunAsync(Action body, CancellationToken cancellationToken = default) => RunAsync(() => { body(); return true; }, cancellationToken);
    /// <summary>t</summary>
    public void Dispose() { _work.CompleteAdding(); _thread.Join(); }
}

using System.Collections.Concurrent;
using Microsoft.Extensions.ObjectPool;

namespace Horizon.Flow.Graph;

/// <summary>
/// Lends what came back first, where the package's own pool lends what came back last: a buffer may be given back while the device still works on it, and into the last one a copy would
/// wait for that work though another lies idle.
/// </summary>
internal sealed class OldestFirstPool<T>(Func<T> create) : ObjectPool<T>, IDisposable
    where T : class
{
    private readonly ConcurrentQueue<T> _items = [];
    private readonly List<T> _made = [];

    /// <inheritdoc/>
    public override T Get() => _items.TryDequeue(out var item) ? item : Make();

    /// <inheritdoc/>
    public override void Return(T obj) => _items.Enqueue(obj);

    /// <summary>Disposes every item ever made.</summary>
    public void Dispose()
    {
        lock (_made)
        {
            foreach (var item in _made) (item as IDisposable)?.Dispose();
            _made.Clear();
        }
    }

    private T Make()
    {
        var item = create();
        lock (_made) _made.Add(item);
        return item;
    }
}

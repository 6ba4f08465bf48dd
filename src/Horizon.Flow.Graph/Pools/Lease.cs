namespace Horizon.Flow.Graph;

/// <summary>
/// The right to use one item of a bounded pool: a credit. Disposing gives it back, once; a second time does nothing.
/// </summary>
/// <typeparam name="T">What the pool holds, such as a device buffer or a slab.</typeparam>
public sealed class Lease<T> : IDisposable
    where T : class
{
    private readonly T _item;
    private LeasePool<T>? _pool;

    internal Lease(LeasePool<T> pool, T item)
    {
        _pool = pool;
        _item = item;
    }

    /// <summary>The item.</summary>
    /// <exception cref="ObjectDisposedException">The lease was given back, or taken back by its pool.</exception>
    public T Value
    {
        get
        {
            ObjectDisposedException.ThrowIf(_pool is null, this);
            return _item;
        }
    }

    /// <summary>Whether the lease was given back.</summary>
    public bool IsReturned => _pool is null;

    /// <summary>Gives the item back to its pool.</summary>
    public void Dispose() => Interlocked.Exchange(ref _pool, null)?.Return(this, _item);

    internal bool Revoke() => Interlocked.Exchange(ref _pool, null) is not null;

    internal T Item => _item;
}

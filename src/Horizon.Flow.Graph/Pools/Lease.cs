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
    private IDisposable? _carried;

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

    /// <summary>Gives something else back together with the item, and not before: whoever returns this lease need not know of it.</summary>
    /// <param name="other">Such as a lease of another pool. Null for nothing.</param>
    public void Carry(IDisposable? other) => _carried = other;

    /// <summary>Gives the item back to its pool, and what it carries.</summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _pool, null) is not { } pool) return;
        pool.Return(this, _item);
        _carried?.Dispose();
    }

    internal bool Revoke() => Interlocked.Exchange(ref _pool, null) is not null;

    internal T Item => _item;
}

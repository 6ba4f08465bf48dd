using System.Threading.Channels;

namespace Horizon.Flow.Graph;

/// <summary>
/// A bounded pool: a channel of credits, each with its item once that was made. Items are made on first use and kept until the pool is disposed. Who finds no
/// credit waits, and so the graph pushes back.
/// </summary>
/// <remarks>
/// Credits come back in the order in which they were given back, those that were never used first: a buffer may be given back while the device still works on it, and the one that was given
/// back first is free soonest. With the last one, a copy into it would wait for that work though another buffer lies idle.
/// </remarks>
/// <typeparam name="T">What is pooled; disposed with the pool if it is <see cref="IDisposable"/>.</typeparam>
public sealed class LeasePool<T> : ILeasePool
    where T : class
{
    // Abandoned pools, with what they made: reachable for ever, so that no finalizer frees it.
    private static readonly List<LeasePool<T>> _left = [];

    private readonly Channel<T?> _credits;
    private readonly Func<T> _create;
    private readonly List<T> _made = [];
    private readonly HashSet<Lease<T>> _out = [];
    private readonly Lock _gate = new();
    private volatile bool _isAbandoned;

    /// <summary>Creates a pool of <paramref name="capacity"/> items.</summary>
    /// <param name="name">For plans, reports and errors.</param>
    /// <param name="capacity">At least 1.</param>
    /// <param name="create">Makes an item; called at most <paramref name="capacity"/> times.</param>
    public LeasePool(string name, int capacity, Func<T> create)
    {
        ArgumentNullException.ThrowIfNull(create);
        ArgumentOutOfRangeException.ThrowIfLessThan(capacity, 1);
        Name = name;
        Capacity = capacity;
        _create = create;
        _credits = Channel.CreateBounded<T?>(capacity);
        for (var i = 0; i < capacity; i++) _credits.Writer.TryWrite(null);
    }

    /// <inheritdoc/>
    public string Name { get; }

    /// <inheritdoc/>
    public int Capacity { get; }

    /// <inheritdoc/>
    public int Outstanding
    {
        get
        {
            lock (_gate) return _out.Count;
        }
    }

    /// <summary>
    /// Waits for a credit and takes an item. Waiters are served in order. In a stage's body the wait is known as one for the graph itself,
    /// with <see cref="StageCall.WaitFor{T}"/> around it or without.
    /// </summary>
    /// <exception cref="OperationCanceledException">The token was cancelled first; nothing was taken.</exception>
    public async ValueTask<Lease<T>> RentAsync(CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        if (TryRent(out var lease)) return lease;
        T? item;
        using (StageCall.BeginGraphWait()) item = await _credits.Reader.ReadAsync(cancellationToken).ConfigureAwait(false);
        return Take(item);
    }

    /// <inheritdoc/>
    public async ValueTask<IDisposable> RentAnyAsync(CancellationToken cancellationToken = default) => await RentAsync(cancellationToken).ConfigureAwait(false);

    /// <summary>Takes an item if a credit is free.</summary>
    public bool TryRent([System.Diagnostics.CodeAnalysis.NotNullWhen(true)] out Lease<T>? lease)
    {
        lease = _credits.Reader.TryRead(out var item) ? Take(item) : null;
        return lease is not null;
    }

    /// <inheritdoc/>
    public int Reclaim()
    {
        Lease<T>[] lost;
        lock (_gate) lost = [.. _out];
        var count = 0;
        foreach (var lease in lost)
        {
            if (!lease.Revoke()) continue;
            Return(lease, lease.Item);
            count++;
        }

        return count;
    }

    /// <inheritdoc/>
    public int Abandon()
    {
        lock (_left) _left.Add(this);
        _isAbandoned = true;
        _credits.Writer.TryComplete();
        while (_credits.Reader.TryRead(out _))
        {
        }

        Lease<T>[] lost;
        lock (_gate)
        {
            lost = [.. _out];
            _out.Clear();
        }

        return lost.Count(lease => lease.Revoke());
    }

    /// <summary>Disposes every item ever made; none after <see cref="Abandon"/>. Leases still out lose their item.</summary>
    public void Dispose()
    {
        if (_isAbandoned) return;
        Reclaim();
        _credits.Writer.TryComplete();
        lock (_made)
        {
            foreach (var item in _made) (item as IDisposable)?.Dispose();
            _made.Clear();
        }
    }

    internal void Return(Lease<T> lease, T item)
    {
        lock (_gate) _out.Remove(lease);
        if (_isAbandoned) return;
        _credits.Writer.TryWrite(item);
    }

    private Lease<T> Take(T? item)
    {
        try
        {
            var lease = new Lease<T>(this, item ?? Make());
            lock (_gate) _out.Add(lease);
            return lease;
        }
        catch
        {
            _credits.Writer.TryWrite(item);
            throw;
        }
    }

    private T Make()
    {
        var item = _create();
        lock (_made) _made.Add(item);
        return item;
    }
}

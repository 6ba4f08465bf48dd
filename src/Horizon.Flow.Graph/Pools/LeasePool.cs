using System.Threading.Channels;
using Microsoft.Extensions.ObjectPool;

namespace Horizon.Flow.Graph;

/// <summary>
/// A bounded pool: a channel of credits says how many items may be out, an <see cref="ObjectPool{T}"/> keeps those that are in.
/// Items are made on first use and kept until the pool is disposed. Who finds no credit waits, and so the graph pushes back.
/// </summary>
/// <remarks>Items are lent in the order in which they came back.</remarks>
/// <typeparam name="T">What is pooled; disposed with the pool if it is <see cref="IDisposable"/>.</typeparam>
public sealed class LeasePool<T> : ILeasePool
    where T : class
{
    // Abandoned pools, with what they made: reachable for ever, so that no finalizer frees it.
    private static readonly List<LeasePool<T>> _left = [];

    private readonly Channel<bool> _credits;
    private readonly OldestFirstPool<T> _items;
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
        _items = new OldestFirstPool<T>(create);
        _credits = Channel.CreateBounded<bool>(capacity);
        for (var i = 0; i < capacity; i++) _credits.Writer.TryWrite(true);
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
        using (StageCall.BeginGraphWait()) await _credits.Reader.ReadAsync(cancellationToken).ConfigureAwait(false);
        return Take();
    }

    /// <inheritdoc/>
    public async ValueTask<IDisposable> RentAnyAsync(CancellationToken cancellationToken = default) => await RentAsync(cancellationToken).ConfigureAwait(false);

    /// <summary>Takes an item if a credit is free.</summary>
    public bool TryRent([System.Diagnostics.CodeAnalysis.NotNullWhen(true)] out Lease<T>? lease)
    {
        lease = _credits.Reader.TryRead(out _) ? Take() : null;
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
        _items.Dispose();
    }

    internal void Return(Lease<T> lease, T item)
    {
        lock (_gate) _out.Remove(lease);
        if (_isAbandoned) return;
        _items.Return(item);
        _credits.Writer.TryWrite(true);
    }

    private Lease<T> Take()
    {
        try
        {
            var lease = new Lease<T>(this, _items.Get());
            lock (_gate) _out.Add(lease);
            return lease;
        }
        catch
        {
            _credits.Writer.TryWrite(true);
            throw;
        }
    }
}

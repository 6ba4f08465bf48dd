using Horizon.Flow.Devices;
using Horizon.Flow.Graph;
using Horizon.Flow.Host.Memory;

namespace Horizon.Flow.Resources;

/// <summary>
/// Page-locked host buffers for gradients: either a few that fit every unit, or, where all gradients of a step are held at once, one for
/// each unit of exactly its size.
/// </summary>
public sealed class SlabPool : ILeasePool
{
    private readonly IReadOnlyList<LeasePool<HostBuffer>?> _pools;
    private readonly List<HostBuffer> _locked = [];
    private readonly IComputeDevice _device;
    private bool _isAbandoned;

    private SlabPool(string name, IComputeDevice device, int capacity, Func<SlabPool, IReadOnlyList<LeasePool<HostBuffer>?>> pools)
    {
        Name = name;
        Capacity = capacity;
        _device = device;
        _pools = pools(this);
    }

    /// <inheritdoc/>
    public string Name { get; }

    /// <inheritdoc/>
    public int Capacity { get; }

    /// <inheritdoc/>
    public int Outstanding => Pools.Sum(pool => pool.Outstanding);

    private IEnumerable<LeasePool<HostBuffer>> Pools => _pools.OfType<LeasePool<HostBuffer>>().Distinct();

    /// <summary>A few slabs of one size, for any unit.</summary>
    public static SlabPool Shared(string name, IComputeDevice device, int capacity, long byteLength, int units) => new(name, device, capacity, self =>
    {
        var pool = new LeasePool<HostBuffer>(name, capacity, () => self.Make(byteLength));
        return [.. Enumerable.Repeat(pool, units)];
    });

    /// <summary>One slab for each unit, of its own size; none where the size is null.</summary>
    public static SlabPool PerUnit(string name, IComputeDevice device, IReadOnlyList<long?> byteLengths) => new(
        name,
        device,
        byteLengths.Count(length => length is not null),
        self => [.. byteLengths.Select(length => length is { } bytes ? new LeasePool<HostBuffer>(name, 1, () => self.Make(bytes)) : null)]);

    /// <summary>Whether there is a buffer for that unit.</summary>
    public bool Has(int unit) => _pools[unit] is not null;

    /// <summary>Waits for a slab for that unit.</summary>
    public ValueTask<Lease<HostBuffer>> RentAsync(int unit, CancellationToken cancellationToken = default) =>
        (_pools[unit] ?? throw new InvalidOperationException($"pool '{Name}' has no buffer for unit {unit}")).RentAsync(cancellationToken);

    /// <inheritdoc/>
    public int Reclaim() => Pools.Sum(pool => pool.Reclaim());

    /// <inheritdoc/>
    public int Abandon()
    {
        _isAbandoned = true;
        return Pools.Sum(pool => pool.Abandon());
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (_isAbandoned) return;
        foreach (var buffer in _locked) _device.Unlock(buffer);
        foreach (var pool in Pools) pool.Dispose();
    }

    private HostBuffer Make(long byteLength)
    {
        var buffer = new HostBuffer(byteLength);
        _device.PageLock(buffer);
        lock (_locked) _locked.Add(buffer);
        return buffer;
    }
}

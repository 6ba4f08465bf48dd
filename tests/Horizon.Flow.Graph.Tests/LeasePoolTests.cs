using FsCheck.Fluent;
using FsCheck;
using Horizon.Flow.Tests.Shared;

namespace Horizon.Flow.Graph.Tests;

public class LeasePoolTests
{
    /// <summary>Any sequence of renting, returning (also twice) and reclaiming keeps out + free = capacity and makes no more items than that.</summary>
    [Cases(300)]
    public bool Leases_AreConserved(PositiveInt capacitySeed, byte[] actions)
    {
        var capacity = (capacitySeed.Get % 5) + 1;
        var made = 0;
        using var pool = new LeasePool<object>("test", capacity, () =>
        {
            made++;
            return new object();
        });
        var leases = new List<Lease<object>>();
        foreach (var action in actions)
        {
            switch (action % 8)
            {
                case < 4:
                    var expected = pool.Outstanding < capacity;
                    if (pool.TryRent(out var lease) != expected) return false;
                    if (lease is not null) leases.Add(lease);
                    break;
                case < 7 when leases.Count > 0:
                    leases[action % leases.Count].Dispose();
                    break;
                case 7:
                    if (pool.Reclaim() != leases.Count(one => !one.IsReturned) && leases.Any(one => !one.IsReturned)) return false;
                    break;
            }

            if (pool.Outstanding != leases.Count(one => !one.IsReturned) || made > capacity) return false;
            var items = leases.Where(one => !one.IsReturned).Select(one => one.Value).ToList();
            if (items.Distinct().Count() != items.Count) return false;
        }

        return true;
    }

    [Fact]
    public async Task RentAsync_WithoutCredit_WaitsForTheFirstReturn()
    {
        using var pool = new LeasePool<object>("test", 1, () => new object());
        var first = await pool.RentAsync();
        var second = pool.RentAsync().AsTask();
        Assert.False(second.IsCompleted);
        first.Dispose();
        Assert.Same(await second.WaitAsync(TimeSpan.FromSeconds(30)), await second);
    }

    /// <summary>Whoever rents gets what was given back longest ago, and what was never used before that: the device may still work on what was given back last.</summary>
    [Cases(100)]
    public void Rent_AnyOrderOfReturns_GivesTheItemThatIsInLongest(PositiveInt capacitySeed, bool[] rents)
    {
        var capacity = (capacitySeed.Get % 5) + 1;
        using var pool = new LeasePool<object>("test", capacity, () => new object());
        var (leases, inside) = (new Queue<Lease<object>>(), new Queue<object>());
        var unused = capacity;
        foreach (var rent in rents)
        {
            if (!rent && leases.TryDequeue(out var back))
            {
                inside.Enqueue(back.Value);
                back.Dispose();
            }
            else if (rent && pool.TryRent(out var lease))
            {
                if (unused > 0) unused--;
                else Assert.Same(inside.Dequeue(), lease.Value);
                leases.Enqueue(lease);
            }
        }
    }

    [Fact]
    public void Value_AfterReclaim_Throws()
    {
        using var pool = new LeasePool<object>("test", 1, () => new object());
        Assert.True(pool.TryRent(out var lease));
        Assert.Equal(1, pool.Reclaim());
        Assert.Throws<ObjectDisposedException>(() => lease.Value);
        lease.Dispose();
        Assert.Equal(0, pool.Outstanding);
        Assert.True(pool.TryRent(out _));
    }

    [Fact]
    public void Create_ThatThrows_GivesTheCreditBack()
    {
        var fail = true;
        using var pool = new LeasePool<object>("test", 1, () => fail ? throw new OutOfMemoryException() : new object());
        Assert.Throws<OutOfMemoryException>(() => pool.TryRent(out _));
        fail = false;
        Assert.True(pool.TryRent(out _));
    }

    [Fact]
    public void Dispose_DisposesEveryItemMade()
    {
        var disposed = 0;
        var pool = new LeasePool<IDisposable>("test", 2, () => new OnDispose(() => disposed++));
        Assert.True(pool.TryRent(out _));
        Assert.True(pool.TryRent(out var returned));
        returned.Dispose();
        pool.Dispose();
        Assert.Equal(2, disposed);
    }

    private sealed class OnDispose(Action action) : IDisposable
    {
        public void Dispose() => action();
    }

    [Fact]
    public void Abandon_LeasesOut_LosesThemAndDisposesNothing()
    {
        var items = new List<MemoryStream>();
        var pool = new LeasePool<MemoryStream>("pool", 2, () =>
        {
            items.Add(new MemoryStream());
            return items[^1];
        });
        Assert.True(pool.TryRent(out var held));
        Assert.True(pool.TryRent(out var back));
        back.Dispose();
        Assert.Equal(1, pool.Abandon());
        Assert.Throws<ObjectDisposedException>(() => held.Value);
        held.Dispose();
        pool.Dispose();
        Assert.All(items, item => Assert.True(item.CanRead));
        Assert.False(pool.TryRent(out _));
    }
}

using Horizon.Flow.Host.Workers;
using Horizon.Flow.Tests.Shared;

namespace Horizon.Flow.Host.Tests;

public sealed class HostWorkersTests
{
    [Cases(200)]
    public void Sweep_AnyLengthAndThreads_CoversEachElementOnce(uint length, byte threads, byte placement)
    {
        using var workers = new HostWorkers(1 + (threads % 5), (WorkerPlacement)(placement % 3));
        var count = length % (5L * HostWorkers.ChunkElements);
        var seen = new int[count];
        workers.Sweep(count, (chunk, first, elements) =>
        {
            if (first != chunk * HostWorkers.ChunkElements) throw new InvalidOperationException("wrong chunk");
            for (var i = first; i < first + elements; i++) Interlocked.Increment(ref seen[i]);
        });
        Assert.True(seen.AsSpan().IndexOfAnyExcept(1) < 0);
    }

    [Fact]
    public void Sweep_ChunkThrows_CallerGetsItAndTheTeamWorksOn()
    {
        using var workers = new HostWorkers(3);
        for (var round = 0; round < 50; round++)
        {
            var error = Assert.Throws<InvalidTimeZoneException>(() => workers.Sweep(20L * HostWorkers.ChunkElements, (chunk, _, _) =>
            {
                if (chunk == 7) throw new InvalidTimeZoneException("chunk 7");
            }));
            Assert.Equal("chunk 7", error.Message);
            var chunks = 0;
            workers.Sweep(20L * HostWorkers.ChunkElements, (_, _, _) => Interlocked.Increment(ref chunks));
            Assert.Equal(20, chunks);
        }
    }

    [Fact]
    public void Sweep_ManyCallers_TakeTurns()
    {
        using var workers = new HostWorkers(2);
        var (running, total) = (0, 0);
        Parallel.For(0, 40, _ =>
        {
            var chunks = 0;
            workers.Sweep(5L * HostWorkers.ChunkElements, (_, _, _) =>
            {
                Assert.InRange(Interlocked.Increment(ref running), 1, 2);
                Interlocked.Increment(ref chunks);
                Interlocked.Decrement(ref running);
            });
            Interlocked.Add(ref total, chunks);
        });
        Assert.Equal(200, total);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void Sweep_InsideASweep_IsRefused(int threads)
    {
        using var workers = new HostWorkers(threads);
        Assert.Throws<InvalidOperationException>(() => workers.Sweep(3L * HostWorkers.ChunkElements, (_, _, _) => workers.Sweep(1, (_, _, _) => { })));
    }

    [Fact]
    public void Dispose_EndsTheThreads()
    {
        var workers = new HostWorkers(4);
        workers.Sweep(9L * HostWorkers.ChunkElements, (_, _, _) => { });
        workers.Dispose();
        workers.Dispose();
        Assert.All(workers.Team, thread => Assert.False(thread.IsAlive));
        Assert.Throws<ObjectDisposedException>(() => workers.Sweep(1, (_, _, _) => { }));
    }

    [Fact]
    public void Constructor_NoThreads_IsRefused() => Assert.Throws<ArgumentOutOfRangeException>(() => new HostWorkers(0));
}

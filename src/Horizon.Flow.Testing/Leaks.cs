using System.Diagnostics;
using Horizon.Flow.Devices;
using Horizon.Flow.Graph;
using TorchSharp;

namespace Horizon.Flow.Testing;

/// <summary>Finds leases, tensors and threads that somebody has kept.</summary>
public static class Leaks
{
    private const int WarmUps = 3;

    /// <summary>After a run without fault or abort that was disposed: every lease came back by itself.</summary>
    /// <exception cref="TestingException">One did not.</exception>
    public static void RequireNoLease(TrainingRun run)
    {
        ArgumentNullException.ThrowIfNull(run);
        RequireLeasesBack(run);
        TestingException.Require(run.LeasesReclaimed == 0, $"{run.LeasesReclaimed} leases had to be taken back when the run ended: some stage keeps what it should give on or back");
    }

    /// <summary>After a run that was disposed, however it ended: no lease is out or was left to the process.</summary>
    /// <exception cref="TestingException">One is.</exception>
    public static void RequireLeasesBack(TrainingRun run)
    {
        ArgumentNullException.ThrowIfNull(run);
        RequireLeasesBack(run.Context.Pools);
        TestingException.Require(run.LeasesAbandoned == 0, $"{run.LeasesAbandoned} leases were left to the process, since some stage did not end: {run.Fault?.Message}");
    }

    /// <summary>No lease of these pools is out.</summary>
    /// <exception cref="TestingException">One is.</exception>
    public static void RequireLeasesBack(IEnumerable<ILeasePool> pools)
    {
        ArgumentNullException.ThrowIfNull(pools);
        foreach (var pool in pools) TestingException.Require(pool.Outstanding == 0, $"{pool.Outstanding} of {pool.Capacity} leases of '{pool.Name}' are out");
    }

    /// <summary>Tensors that the device's lane has made and nobody has disposed. Equal before and after what leaks nothing, whatever other devices do.</summary>
    public static Task<long> TensorsOfAsync(IComputeDevice device)
    {
        ArgumentNullException.ThrowIfNull(device);
        return device.Lane.RunAsync(() => DisposeScopeManager.Statistics.ThreadTotalLiveCount, CancellationToken.None);
    }

    /// <summary>
    /// Does something again and again: the process must hold no tensor and no thread more than before. It counts the whole process, so nothing else may
    /// run beside it.
    /// </summary>
    /// <param name="round">Gets its number, from 0; what it makes once, such as a model's tables, it makes in its first three rounds.</param>
    /// <param name="rounds">How many are counted.</param>
    /// <exception cref="TestingException">It holds more.</exception>
    public static async Task RequireNoneAsync(Func<int, Task> round, int rounds = 24)
    {
        ArgumentNullException.ThrowIfNull(round);
        for (var i = 0; i < WarmUps; i++) await round(i).ConfigureAwait(false);
        var (tensors, threads) = Held();
        for (var i = 0; i < rounds; i++)
        {
            await round(i).ConfigureAwait(false);
            var now = Held().Tensors;
            TestingException.Require(now == tensors, $"round {i} has left {now - tensors} tensors");
        }

        // The pool's own threads come and go; one that every round left behind would show.
        var more = Held().Threads - threads;
        TestingException.Require(more < rounds, $"{rounds} rounds have left {more} threads");
    }

    private static (long Tensors, int Threads) Held()
    {
        // What others left to their finalizers must not end between two counts.
        GC.Collect();
        GC.WaitForPendingFinalizers();
        using var process = Process.GetCurrentProcess();
        return (torch.Tensor.TotalCount, process.Threads.Count);
    }
}

namespace Horizon.Flow.Graph;

/// <summary>What a run needs to know of any pool: how much is out, and the way to get everything back after a fault.</summary>
public interface ILeasePool : IDisposable
{
    /// <summary>The pool's name in plans, reports and errors.</summary>
    string Name { get; }

    /// <summary>How many leases can be out at once.</summary>
    int Capacity { get; }

    /// <summary>How many leases are out now.</summary>
    int Outstanding { get; }

    /// <summary>Waits for a lease of any item, for who does not know the pool's type.</summary>
    /// <exception cref="NotSupportedException">The pool has different items for different askers.</exception>
    ValueTask<IDisposable> RentAnyAsync(CancellationToken cancellationToken = default) =>
        throw new NotSupportedException($"pool '{Name}' has different items for different askers");

    /// <summary>
    /// Takes back every lease that is out, whoever holds it. Only after the run has stopped: blocks that faulted drop their
    /// messages undisposed, so the pool, not the messages, is the authority on what is out.
    /// </summary>
    /// <returns>How many were out.</returns>
    int Reclaim();

    /// <summary>
    /// Leaves the pool and all that it made to the process: leases that are out are taken back, but nothing is used again, disposed or
    /// finalized. For a run with a stage that would not end, whose thread may still use an item.
    /// </summary>
    /// <returns>How many were out.</returns>
    int Abandon();
}

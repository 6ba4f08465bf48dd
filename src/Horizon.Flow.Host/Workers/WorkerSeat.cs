namespace Horizon.Flow.Host.Workers;

/// <summary>One worker's place.</summary>
/// <param name="Queue">The node's queue of chunks.</param>
/// <param name="Cpus">The processors that it may run on; none where the system decides.</param>
internal sealed record WorkerSeat(int Queue, IReadOnlyList<int> Cpus)
{
    /// <summary>Seats <paramref name="threads"/> workers on the nodes in proportion to their processors.</summary>
    public static IReadOnlyList<WorkerSeat> Assign(int threads, WorkerPlacement placement, CpuTopology topology)
    {
        var nodes = topology.Nodes;
        if (placement == WorkerPlacement.Anywhere || nodes.Count == 0 || (placement == WorkerPlacement.Nodes && nodes.Count == 1))
            return [.. Enumerable.Repeat(new WorkerSeat(0, []), threads)];

        // Worker t sits where the t-th of as many evenly spaced processors lies, so that every node gets its share in order.
        var cpus = nodes.SelectMany((node, index) => node.Select(cpu => (Node: index, Cpu: cpu))).ToArray();
        var chosen = Enumerable.Range(0, threads).Select(thread => cpus[(long)thread * cpus.Length / threads]).ToArray();
        var used = chosen.Select(place => place.Node).Distinct().ToList();
        return [.. chosen.Select(place => new WorkerSeat(
            used.IndexOf(place.Node),
            placement == WorkerPlacement.Cores ? [place.Cpu] : nodes[place.Node]))];
    }

    /// <summary>Binds the calling thread. Where the system refuses, the thread runs anywhere: slower, not wrong.</summary>
    public void Take()
    {
        if (Cpus.Count > 0) CpuTopology.TryBindThread(Cpus);
    }
}

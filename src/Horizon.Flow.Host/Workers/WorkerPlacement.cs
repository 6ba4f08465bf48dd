namespace Horizon.Flow.Host.Workers;

/// <summary>Where the threads of <see cref="HostWorkers"/> may run.</summary>
public enum WorkerPlacement
{
    /// <summary>
    /// Spread over the NUMA nodes, each thread free within its node, and each node first works on the part of a buffer that
    /// its threads touched first. The same as <see cref="Anywhere"/> on a machine with one node.
    /// </summary>
    Nodes,

    /// <summary>As <see cref="Nodes"/>, and each thread stays on one core. For a machine that nothing else uses.</summary>
    Cores,

    /// <summary>The system decides.</summary>
    Anywhere,
}

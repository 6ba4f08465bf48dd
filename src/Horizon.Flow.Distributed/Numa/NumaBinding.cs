namespace Horizon.Flow.Distributed;

/// <summary>
/// Keeps a rank to the cores of its GPU's NUMA node. Its memory follows: Linux takes a page from the node of the core that first touches it, and from another where that has none left, so that a
/// rank may still have more than its node's.
/// </summary>
public static class NumaBinding
{
    /// <summary>Keeps this process to the node of a device, where the machine has several and nobody has chosen cores yet.</summary>
    /// <param name="pciAddress">The device's, such as <c>0000:1b:00.0</c>.</param>
    /// <param name="system">Where Linux shows its devices.</param>
    /// <returns>What was done or could not be, a sentence; null where there was nothing to do.</returns>
    public static string? Bind(string pciAddress, string system = "/sys") => Bind(pciAddress, system, new ProcessCores());

    /// <summary>The same for any process.</summary>
    internal static string? Bind(string pciAddress, string system, IProcessCores process)
    {
        ArgumentException.ThrowIfNullOrEmpty(pciAddress);
        pciAddress = pciAddress.ToLowerInvariant(); // as Linux writes it
        if (NumaNode.Of(pciAddress, system) is not { } node) return null;
        var allowed = process.Allowed;
        List<int> wanted = [.. allowed.Intersect(node.Cores)];
        if (wanted.Count == allowed.Count) return null; // the launcher chose them, or the system says nothing
        if (wanted.Count == 0)
            return $"the launcher keeps the rank to {allowed.Count} cores, none of which is of NUMA node {node.Number}, where its GPU {pciAddress} is: copies go over another node; bind ranks to the cores of their GPUs, or to none";
        return process.TryKeepTo(wanted)
            ? $"the rank keeps to the {wanted.Count} cores of NUMA node {node.Number}, where its GPU {pciAddress} is (pipeline.numa_binding: false leaves them all)"
            : $"the system does not let the rank keep to the cores of NUMA node {node.Number}, where its GPU {pciAddress} is; copies may go over another node";
    }
}

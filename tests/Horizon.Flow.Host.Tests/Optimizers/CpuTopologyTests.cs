using Horizon.Flow.Host.Workers;
using Horizon.Flow.Tests.Shared;

namespace Horizon.Flow.Host.Tests;

public sealed class CpuTopologyTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("horizon-nodes-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Read_Nodes_InOrderWithTheAllowedProcessors()
    {
        foreach (var (node, list) in new[] { ("node10", "6\n"), ("node2", "4-5\n"), ("node0", "0-1,8-9\n"), ("node1", "\n"), ("power", "7") })
            File.WriteAllText(Path.Combine(Directory.CreateDirectory(Path.Combine(_folder, node)).FullName, "cpulist"), list);
        var topology = CpuTopology.Read(_folder, new HashSet<int> { 0, 1, 4, 6, 8 });
        Assert.Equal([[0, 1, 8], [4], [6]], topology.Nodes);
    }

    [Fact]
    public void Read_NoSuchFolder_KnowsNoNodes() =>
        Assert.Empty(CpuTopology.Read(Path.Combine(_folder, "none"), new HashSet<int> { 0 }).Nodes);

    [Cases]
    public void Assign_AnyMachine_SeatsEveryoneOnNodesInOrder(byte threads, byte[] sizes, byte placement)
    {
        var next = 0;
        var nodes = sizes.Select(size => (IReadOnlyList<int>)[.. Enumerable.Range(0, 1 + (size % 9)).Select(_ => next++)]).ToArray();
        var seats = WorkerSeat.Assign(1 + (threads % 40), (WorkerPlacement)(placement % 3), new(nodes));
        Assert.Equal(1 + (threads % 40), seats.Count);
        Assert.Equal(0, seats[0].Queue);
        for (var i = 1; i < seats.Count; i++) Assert.InRange(seats[i].Queue - seats[i - 1].Queue, 0, 1);
        Assert.All(seats, seat => Assert.True(seat.Cpus.Count == 0 || nodes.Any(node => seat.Cpus.All(node.Contains))));
    }

    /// <summary>Two nodes with a queue each, on whatever processors there are: every chunk once, also those of the other node.</summary>
    [Cases(50)]
    public void Sweep_TwoNodes_CoversEachChunkOnce(byte chunks, byte threads)
    {
        using var workers = new HostWorkers(2 + (threads % 4), WorkerPlacement.Nodes, new([[0], [1]]));
        var seen = new int[chunks];
        workers.Sweep((long)chunks * HostWorkers.ChunkElements, (chunk, _, _) => Interlocked.Increment(ref seen[chunk]));
        Assert.True(seen.AsSpan().IndexOfAnyExcept(1) < 0);
    }
}

namespace Horizon.Flow.Distributed;

/// <summary>A machine among those of a run, on which ranks are to be started.</summary>
/// <param name="Node">Its number, from 0.</param>
/// <param name="Nodes">Machines in all.</param>
/// <param name="Ranks">Ranks on each of them.</param>
/// <param name="Address">Of the first machine, where rank 0 is.</param>
/// <param name="Port">On which rank 0 listens.</param>
public sealed record NodePlace(int Node, int Nodes, int Ranks, string Address, int Port)
{
    /// <summary>A rank of this machine.</summary>
    /// <param name="local">Its number here, from 0.</param>
    public RankPlace RankOf(int local) => new((Node * Ranks) + local, Nodes * Ranks, local, Ranks, Address, Port);
}

namespace Horizon.Flow.Distributed;

/// <summary>A process among the ranks: which it is, and where rank 0 listens.</summary>
/// <param name="Rank">From 0.</param>
/// <param name="Count">Ranks in all.</param>
/// <param name="LocalRank">Its number among the ranks of its machine, from 0: which device it takes.</param>
/// <param name="LocalCount">Ranks on its machine.</param>
/// <param name="Address">Of rank 0's machine.</param>
/// <param name="Port">On which rank 0 listens.</param>
public sealed record RankPlace(int Rank, int Count, int LocalRank, int LocalCount, string Address, int Port);

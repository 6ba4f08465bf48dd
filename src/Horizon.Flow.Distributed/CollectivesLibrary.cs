namespace Horizon.Flow.Distributed;

/// <summary>What carries collectives over devices.</summary>
public enum CollectivesLibrary
{
    /// <summary>NCCL on GPUs; on CPUs the connections over which ranks meet.</summary>
    Auto,

    /// <summary>MPI (Open MPI, or MPICH and its kin), between processes on CPUs that its mpirun has started.</summary>
    Mpi,
}

using System.Globalization;

namespace Horizon.Flow.Distributed;

/// <summary>Reads from the variables of whatever started the process which rank it is: torchrun (RANK, WORLD_SIZE, …), Slurm's srun, Open MPI's and MPICH's mpirun.</summary>
public static class RankEnvironment
{
    private const int DefaultPort = 29_500;

    /// <summary>The process's place among the ranks; null where nothing says that there are several.</summary>
    /// <param name="variable">Finds a variable; the process's own by default.</param>
    /// <exception cref="HorizonException">The variables are wrong or partial; says which, and the mend.</exception>
    public static RankPlace? Read(Func<string, string?>? variable = null)
    {
        var variables = new RankVariables(variable ?? Environment.GetEnvironmentVariable);
        return FromTorchrun(variables) ?? FromSlurm(variables) ?? FromOpenMpi(variables) ?? FromMpich(variables);
    }

    /// <summary>The machine's place among those of a TrainJob whose command starts no ranks (torchrun would): what its torch runtime sets, PET_NNODES, PET_NODE_RANK and so on.</summary>
    /// <param name="ranksHere">How many ranks a machine has where the variables leave that to it; <c>auto</c>, <c>gpu</c> and <c>cpu</c> do.</param>
    /// <param name="variable">Finds a variable; the process's own by default.</param>
    /// <returns>Null where there are no such variables, or a launcher has started this process as a rank already.</returns>
    /// <exception cref="HorizonException">The variables are wrong or partial; says which, and the mend.</exception>
    public static NodePlace? ReadNode(Func<int> ranksHere, Func<string, string?>? variable = null)
    {
        ArgumentNullException.ThrowIfNull(ranksHere);
        var variables = new RankVariables(variable ?? Environment.GetEnvironmentVariable);
        if (!IsNode(variables)) return null;
        const string By = "a TrainJob's torch runtime";
        var (node, nodes) = (variables.Number("PET_NODE_RANK", By), variables.Number("PET_NNODES", By));
        var ranks = variables.Or("PET_NPROC_PER_NODE", "auto") is "auto" or "gpu" or "cpu" ? ranksHere() : variables.Number("PET_NPROC_PER_NODE", By);
        var place = new NodePlace(node, nodes, ranks, nodes == 1 ? "localhost" : variables.Text("PET_MASTER_ADDR", By), variables.Number("PET_MASTER_PORT", By, DefaultPort));
        return nodes >= 1 && node >= 0 && node < nodes && ranks >= 1 && place.Port is >= 1 and <= 65_535 ? place
            : throw new HorizonException(string.Create(CultureInfo.InvariantCulture, $"PET_NODE_RANK {node}, PET_NNODES {nodes}, PET_NPROC_PER_NODE {ranks} and PET_MASTER_PORT {place.Port} do not fit each other; let the TrainJob's runtime set them, or unset them"));
    }

    private static bool IsNode(RankVariables variables) =>
        variables.Has("PET_NODE_RANK") && !variables.Has("RANK") && !variables.Has("WORLD_SIZE") && !variables.Has("OMPI_COMM_WORLD_RANK");

    private static RankPlace? FromTorchrun(RankVariables variables)
    {
        if (!variables.Has("RANK") && !variables.Has("WORLD_SIZE"))
        {
            return IsNode(variables)
                ? throw new HorizonException("PET_NODE_RANK says that this is a node of a TrainJob, but no rank was started on it: let the container's command be horizon train, which starts them, or torchrun (torchrun --no_python …)")
                : null;
        }

        const string By = "torchrun and TrainJobs";
        var (rank, count) = (variables.Number("RANK", By), variables.Number("WORLD_SIZE", By));
        return Place(
            rank, count, variables.Number("LOCAL_RANK", By, rank), variables.Number("LOCAL_WORLD_SIZE", By, count),
            count == 1 ? "localhost" : variables.Text("MASTER_ADDR", By), PortBeside(variables, By));
    }

    // torchrun's own store listens on MASTER_PORT, for PyTorch's ranks to use; these ranks have the next one.
    private static int PortBeside(RankVariables variables, string by)
    {
        var port = variables.Number("MASTER_PORT", by, DefaultPort);
        return variables.Or("TORCHELASTIC_USE_AGENT_STORE", null) != "True" ? port : port < 65_535 ? port + 1 : port - 1;
    }

    private static RankPlace? FromSlurm(RankVariables variables)
    {
        // Inside a batch script, outside srun, there is a SLURM_PROCID too, but no step.
        if (!variables.Has("SLURM_STEP_ID") || !variables.Has("SLURM_PROCID")) return null;
        const string By = "srun";
        var count = variables.Number("SLURM_STEP_NUM_TASKS", By, variables.Number("SLURM_NTASKS", By, 1));
        if (count == 1) return null;
        var (rank, job) = (variables.Number("SLURM_PROCID", By), variables.Number("SLURM_JOB_ID", By, 0));
        return Place(
            rank, count, variables.Number("SLURM_LOCALID", By), SlurmNodes.TasksHere(variables.Or("SLURM_STEP_TASKS_PER_NODE", variables.Or("SLURM_TASKS_PER_NODE", null)), variables.Number("SLURM_NODEID", By, 0)) ?? count,
            variables.Or("MASTER_ADDR", null) ?? SlurmNodes.First(variables.Or("SLURM_STEP_NODELIST", null) ?? variables.Or("SLURM_JOB_NODELIST", null) ?? "localhost"),
            variables.Number("MASTER_PORT", By, 20_000 + (job % 20_000)));
    }

    private static RankPlace? FromOpenMpi(RankVariables variables) => FromMpi(
        variables, "Open MPI's mpirun", "OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_LOCAL_RANK", "OMPI_COMM_WORLD_LOCAL_SIZE");

    private static RankPlace? FromMpich(RankVariables variables) => FromMpi(
        variables, "MPICH's mpirun", "PMI_RANK", "PMI_SIZE", "MPI_LOCALRANKID", "MPI_LOCALNRANKS");

    private static RankPlace? FromMpi(RankVariables variables, string by, string rankName, string countName, string localRankName, string localCountName)
    {
        if (!variables.Has(rankName)) return null;
        var (rank, count) = (variables.Number(rankName, by), variables.Number(countName, by));
        if (count == 1) return null;
        var local = variables.Number(localCountName, by, count);
        var address = local == count ? variables.Or("MASTER_ADDR", null) ?? "localhost"
            : variables.Or("MASTER_ADDR", null) ?? throw new HorizonException($"{by} started ranks on several machines, and MASTER_ADDR does not say where rank 0 is: pass it on, as in mpirun -x MASTER_ADDR=HOST -x MASTER_PORT=29500 …");
        return Place(rank, count, variables.Number(localRankName, by, rank), local, address, variables.Number("MASTER_PORT", by, DefaultPort));
    }

    private static RankPlace Place(int rank, int count, int localRank, int localCount, string address, int port)
    {
        string? wrong = count < 1 ? $"there are {count} ranks"
            : rank < 0 || rank >= count ? $"rank {rank} is none of the {count}, which go from 0 to {count - 1}"
            : localRank < 0 || localRank >= localCount ? $"local rank {localRank} is none of the {localCount} of its machine"
            : port is < 1 or > 65_535 ? string.Create(CultureInfo.InvariantCulture, $"port {port} is no port")
            : null;
        return wrong is null ? new RankPlace(rank, count, localRank, localCount, address, port)
            : throw new HorizonException($"the variables of the ranks do not fit each other: {wrong}; unset RANK, WORLD_SIZE, LOCAL_RANK and LOCAL_WORLD_SIZE, or start the processes with torchrun, srun or mpirun");
    }
}

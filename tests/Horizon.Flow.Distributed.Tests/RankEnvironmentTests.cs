namespace Horizon.Flow.Distributed.Tests;

/// <summary>The variables of what starts ranks, as each sets them, and what is said where they are wrong.</summary>
public class RankEnvironmentTests
{
    public static TheoryData<string, RankPlace?> Launchers => new()
    {
        { "", null },
        // torchrun
        { "RANK=3 WORLD_SIZE=4 LOCAL_RANK=1 LOCAL_WORLD_SIZE=2 MASTER_ADDR=node0 MASTER_PORT=29400", new(3, 4, 1, 2, "node0", 29400) },
        { "RANK=0 WORLD_SIZE=1", new(0, 1, 0, 1, "localhost", 29500) },
        // Its agent's own store listens on the port that it names.
        { "RANK=1 WORLD_SIZE=2 MASTER_ADDR=node0 MASTER_PORT=29400 TORCHELASTIC_USE_AGENT_STORE=True", new(1, 2, 1, 2, "node0", 29401) },
        { "RANK=1 WORLD_SIZE=2 MASTER_ADDR=node0 MASTER_PORT=65535 TORCHELASTIC_USE_AGENT_STORE=True", new(1, 2, 1, 2, "node0", 65534) },
        { "RANK=1 WORLD_SIZE=2 MASTER_ADDR=node0 MASTER_PORT=29400 TORCHELASTIC_USE_AGENT_STORE=False", new(1, 2, 1, 2, "node0", 29400) },
        // A TrainJob's torchrun leaves both.
        { "PET_NODE_RANK=1 PET_NNODES=2 RANK=9 WORLD_SIZE=16 LOCAL_RANK=1 LOCAL_WORLD_SIZE=8 MASTER_ADDR=job-0-0.job MASTER_PORT=29400", new(9, 16, 1, 8, "job-0-0.job", 29400) },
        // srun
        { "SLURM_JOB_ID=4242 SLURM_STEP_ID=0 SLURM_PROCID=5 SLURM_STEP_NUM_TASKS=6 SLURM_LOCALID=1 SLURM_NODEID=1 SLURM_STEP_TASKS_PER_NODE=4,2 SLURM_STEP_NODELIST=gpu[08-09]", new(5, 6, 1, 2, "gpu08", 24242) },
        { "SLURM_JOB_ID=1 SLURM_STEP_ID=3 SLURM_PROCID=7 SLURM_NTASKS=16 SLURM_LOCALID=7 SLURM_NODEID=0 SLURM_TASKS_PER_NODE=8(x2) SLURM_JOB_NODELIST=a-1,b[2,4] MASTER_ADDR=10.0.0.1 MASTER_PORT=7", new(7, 16, 7, 8, "10.0.0.1", 7) },
        { "SLURM_JOB_ID=4242 SLURM_PROCID=0 SLURM_NTASKS=8 SLURM_LOCALID=0", null }, // the batch script itself
        // mpirun
        { "OMPI_COMM_WORLD_RANK=1 OMPI_COMM_WORLD_SIZE=2 OMPI_COMM_WORLD_LOCAL_RANK=1 OMPI_COMM_WORLD_LOCAL_SIZE=2", new(1, 2, 1, 2, "localhost", 29500) },
        { "OMPI_COMM_WORLD_RANK=2 OMPI_COMM_WORLD_SIZE=4 OMPI_COMM_WORLD_LOCAL_RANK=0 OMPI_COMM_WORLD_LOCAL_SIZE=2 MASTER_ADDR=h MASTER_PORT=5", new(2, 4, 0, 2, "h", 5) },
        { "PMI_RANK=1 PMI_SIZE=3 MPI_LOCALRANKID=1 MPI_LOCALNRANKS=3", new(1, 3, 1, 3, "localhost", 29500) },
    };

    [Theory]
    [MemberData(nameof(Launchers))]
    public void Read_OfALauncher_IsThePlace(string variables, RankPlace? expected) => Assert.Equal(expected, Read(variables));

    [Theory]
    [InlineData("RANK=1", "WORLD_SIZE is not set, though other variables of torchrun and TrainJobs are")]
    [InlineData("RANK=1 WORLD_SIZE=2", "MASTER_ADDR is not set, though")]
    [InlineData("RANK=one WORLD_SIZE=2 MASTER_ADDR=a", "RANK is 'one', which is no number")]
    [InlineData("RANK=2 WORLD_SIZE=2 LOCAL_RANK=0 MASTER_ADDR=a", "rank 2 is none of the 2, which go from 0 to 1")]
    [InlineData("RANK=1 WORLD_SIZE=4 LOCAL_RANK=3 LOCAL_WORLD_SIZE=2 MASTER_ADDR=a", "local rank 3 is none of the 2 of its machine")]
    [InlineData("RANK=1 WORLD_SIZE=4 MASTER_ADDR=a MASTER_PORT=99999", "port 99999 is no port")]
    [InlineData("PET_NODE_RANK=0 PET_NNODES=2 PET_NPROC_PER_NODE=8", "let the container's command be horizon train, which starts them, or torchrun")]
    [InlineData("OMPI_COMM_WORLD_RANK=2 OMPI_COMM_WORLD_SIZE=4 OMPI_COMM_WORLD_LOCAL_RANK=0 OMPI_COMM_WORLD_LOCAL_SIZE=2", "mpirun -x MASTER_ADDR=HOST")]
    [InlineData("SLURM_STEP_ID=0 SLURM_PROCID=1 SLURM_NTASKS=2 SLURM_LOCALID=1 SLURM_STEP_NODELIST=[x", "in which no first node is found; set MASTER_ADDR")]
    public void Read_OfWrongVariables_SaysWhichAndTheMend(string variables, string expected) =>
        Assert.Contains(expected, Assert.Throws<HorizonException>(() => Read(variables)).Message, StringComparison.Ordinal);

    /// <summary>A pod of a TrainJob whose command is no launcher, with what Kubeflow Trainer's torch runtime sets there.</summary>
    [Theory]
    [InlineData("PET_NNODES=2 PET_NPROC_PER_NODE=8 PET_NODE_RANK=1 PET_MASTER_ADDR=job-node-0-0.job PET_MASTER_PORT=29500", 1, 2, 8, "job-node-0-0.job", 29500)]
    [InlineData("PET_NNODES=2 PET_NPROC_PER_NODE=auto PET_NODE_RANK=0 PET_MASTER_ADDR=a PET_MASTER_PORT=29400", 0, 2, 3, "a", 29400)]
    [InlineData("PET_NNODES=1 PET_NPROC_PER_NODE=gpu PET_NODE_RANK=0", 0, 1, 3, "localhost", 29500)]
    public void ReadNode_OfATrainJob_IsTheMachinesPlace(string variables, int node, int nodes, int ranks, string address, int port)
    {
        var place = RankEnvironment.ReadNode(() => 3, Variables(variables));
        Assert.Equal(new NodePlace(node, nodes, ranks, address, port), place);
        Assert.Equal(new RankPlace((node * ranks) + ranks - 1, nodes * ranks, ranks - 1, ranks, address, port), place!.RankOf(ranks - 1));
    }

    [Theory]
    [InlineData("")]
    [InlineData("PET_NNODES=2 PET_NPROC_PER_NODE=2 PET_NODE_RANK=1 RANK=3 WORLD_SIZE=4 LOCAL_RANK=1 LOCAL_WORLD_SIZE=2 MASTER_ADDR=a")] // torchrun has started it
    [InlineData("PET_NODE_RANK=1 OMPI_COMM_WORLD_RANK=1")]
    public void ReadNode_WhereALauncherIsOrNone_IsNull(string variables) => Assert.Null(RankEnvironment.ReadNode(() => 3, Variables(variables)));

    [Theory]
    [InlineData("PET_NODE_RANK=0", "PET_NNODES is not set, though other variables of a TrainJob's torch runtime are")]
    [InlineData("PET_NODE_RANK=0 PET_NNODES=2", "PET_MASTER_ADDR is not set, though")]
    [InlineData("PET_NODE_RANK=0 PET_NNODES=1:4 PET_MASTER_ADDR=a", "PET_NNODES is '1:4', which is no number")]
    [InlineData("PET_NODE_RANK=2 PET_NNODES=2 PET_MASTER_ADDR=a", "PET_NODE_RANK 2, PET_NNODES 2, PET_NPROC_PER_NODE 3 and PET_MASTER_PORT 29500 do not fit each other")]
    [InlineData("PET_NODE_RANK=0 PET_NNODES=1 PET_NPROC_PER_NODE=0", "do not fit each other")]
    public void ReadNode_OfWrongVariables_SaysWhichAndTheMend(string variables, string expected) =>
        Assert.Contains(expected, Assert.Throws<HorizonException>(() => RankEnvironment.ReadNode(() => 3, Variables(variables))).Message, StringComparison.Ordinal);

    private static RankPlace? Read(string variables) => RankEnvironment.Read(Variables(variables));

    private static Func<string, string?> Variables(string variables) =>
        variables.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(one => one.Split('=')).ToDictionary(pair => pair[0], pair => pair[1]).GetValueOrDefault;
}

using System.Collections.Concurrent;
using Horizon.Flow.Devices;
using Horizon.Flow.Distributed;
using Horizon.Flow.Host.Checkpoints;
using Horizon.Flow.Host.ModelFolders;
using Horizon.Flow.Host.Store;
using Horizon.Flow.Runs.Blueprint;
using Horizon.Flow.Runs.Data;
using Horizon.Flow.Runs.Export;
using Horizon.Flow.Runs.Objectives;
using Horizon.Flow.Runs.OnPolicy;
using Horizon.Flow.Runs.Planning;
using Horizon.Flow.Runs.Sections;
using Horizon.Flow.Runs.Validation;

namespace Horizon.Flow.Runs.Session;

/// <summary>What a session is made of: opened so that what is wrong is said before what takes long, and freed once.</summary>
internal sealed class SessionParts : IAsyncDisposable
{
    private SessionParts(RunConfiguration configuration, RankPlace? place, bool timed)
    {
        Blueprint = RunBlueprint.Of(configuration);
        Writer = ModelFolderWriter.Open(Blueprint);
        Notices = new ConcurrentQueue<string>(Blueprint.Notices);
        var deviceName = SessionRanks.DeviceOf(configuration.Device, place);
        if (SessionRanks.Bind(deviceName, place, configuration.Pipeline.NumaBinding) is { } bound) Notices.Enqueue(bound);
        if (place is null && configuration.Pipeline.Collectives == "mpi")
            Notices.Enqueue("pipeline.collectives: mpi has no effect on one process; start several with mpirun, as in mpirun -n 2 horizon train …");
        Device = ComputeDevice.Parse(deviceName, Notices.Enqueue, timed, configuration.Training.Deterministic);
    }

    public RunBlueprint Blueprint { get; private set; }

    public ModelFolderWriter Writer { get; }

    /// <summary>For the user, once the run has begun.</summary>
    public ConcurrentQueue<string> Notices { get; }

    public IComputeDevice Device { get; }

    public RunInputs Inputs { get; private set; } = null!;

    /// <summary>What the run was planned to use where.</summary>
    public PlanReport Memory { get; private set; } = null!;

    public TrainingPlan Plan { get; private set; } = null!;

    /// <summary>Filled.</summary>
    public ParameterStore Store { get; private set; } = null!;

    /// <summary>Null where the run begins.</summary>
    public TrainingCheckpoint? Resumed { get; private set; }

    /// <summary>Of a distillation.</summary>
    public Teacher? Teacher { get; private set; }

    /// <summary>Of learning from answers.</summary>
    public RolloutRewards? Rewards { get; private set; }

    /// <summary>The reference model's weights, where they are held.</summary>
    public ReferenceStore? Reference { get; private set; }

    /// <summary>Opens all of it, after checking that it will fit.</summary>
    /// <param name="configuration">See <see cref="TrainingSession.OpenAsync"/>.</param>
    /// <param name="resume">Go on from a checkpoint.</param>
    /// <param name="timed">Whether the device's events carry times.</param>
    /// <param name="place">Null where there is one rank.</param>
    /// <param name="progress">Is told how far what takes long is.</param>
    /// <param name="cancellation">Gives up.</param>
    /// <exception cref="HorizonException">The user can mend it.</exception>
    public static async Task<SessionParts> OpenAsync(RunConfiguration configuration, bool resume, bool timed, RankPlace? place, SessionProgress progress, CancellationToken cancellation)
    {
        var problems = ConfigurationValidator.Validate(configuration);
        if (problems.Count > 0) throw new HorizonException([.. problems.Select(problem => problem.Sentence)]);
        configuration = RunPlanner.ChooseBatchSize(ResumePoint.AsBegun(configuration, resume));
        var parts = new SessionParts(configuration, place, timed);
        try
        {
            if (place is not null) await parts.JoinAsync(place, cancellation).ConfigureAwait(false);
            await parts.RequireFp8Async(cancellation).ConfigureAwait(false);
            await parts.LoadAsync(resume, progress, cancellation).ConfigureAwait(false);
            return parts;
        }
        catch (Exception error)
        {
            SessionRanks.EndWith(error, parts.Blueprint.Ranks);
            await parts.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>Frees what was opened, and leaves the ranks.</summary>
    public async ValueTask DisposeAsync()
    {
        if (Rewards is not null) await Rewards.DisposeAsync().ConfigureAwait(false);
        Blueprint.Ranks?.Dispose();
        Store?.Dispose();
        Reference?.Dispose();
        Teacher?.Dispose();
        Device.Dispose();
    }

    private async Task JoinAsync(RankPlace place, CancellationToken cancellation)
    {
        var library = Blueprint.Configuration.Pipeline.Collectives == "mpi" ? CollectivesLibrary.Mpi : CollectivesLibrary.Auto;
        Blueprint = Blueprint.On(await RankGroup.JoinAsync(place, Device, SessionRanks.PatienceOf(place), library: library, cancellationToken: cancellation).ConfigureAwait(false), place.LocalCount);
    }

    // Before anything is read or allocated.
    private async Task RequireFp8Async(CancellationToken cancellation)
    {
        var training = Blueprint.Configuration.Training;
        if (training.Precision != TrainingPrecision.Fp8) return;
        var refusal = Device.Operators.Fp8 is { } operators
            ? await Device.Lane.RunAsync(() => operators.Refusal(training.Fp8.Options), cancellation).ConfigureAwait(false)
            : "it needs a GPU of compute capability 8.9 or later, with NVRTC beside libtorch";
        if (refusal is not null) throw new HorizonException($"training.precision is fp8, which {Device.Name} does not multiply: {refusal}; set it to bf16, or another training.fp8.scaling, or device to cpu, where fp8 is emulated.");
    }

    private async Task LoadAsync(bool resume, SessionProgress progress, CancellationToken cancellation)
    {
        var (configuration, ranks) = (Blueprint.Configuration, Blueprint.Ranks);
        if (ranks is not null) await OneRun.RequireFolderAsync(ranks, configuration.Output.Directory!).ConfigureAwait(false);
        var resumes = await ranks.FirstAsync("resume", () => Task.FromResult(ResumePoint.Find(configuration, resume, Notices.Enqueue))).ConfigureAwait(false);
        using var pretrained = configuration.Model.Init == ModelInit.Pretrained && (!resumes || Blueprint.KeepsReference || Blueprint.HoldsReference || Blueprint.ModelConfig.Adapter is not null) ? WeightFiles.Open(configuration.Model.Path!) : null;
        if (ranks is not null) await ranks.BarrierAsync(cancellation).ConfigureAwait(false); // none has taken its part yet
        var memory = await FreeMemory.OfAsync(Device, Blueprint.RanksHere, ranks).ConfigureAwait(false);
        // Once before the data are read, since that may take minutes, with as little as one token a batch; and once with them.
        RunPlanner.Require(RunPlanner.Plan(Blueprint, Device, memory, mostTokens: _ => 1));
        cancellation.ThrowIfCancellationRequested();
        Inputs = RunInputs.Open(Blueprint, new StoppableProgress(progress, cancellation));
        if (ranks is not null) await OneRun.RequireSameAsync(ranks, Blueprint, Inputs.Data).ConfigureAwait(false);
        Memory = RunPlanner.Plan(Blueprint, Device, memory, Inputs.DescribeMemory(), Inputs.MostTokens, Inputs.Typical);
        RunPlanner.Require(Memory);
        foreach (var warning in Inputs.Data.Warnings) Notices.Enqueue(warning);
        if (configuration.Schedule.WarmupSteps > Inputs.Data.TotalSteps)
            Notices.Enqueue($"schedule.warmup_steps is {configuration.Schedule.WarmupSteps}, but the run ends after {Inputs.Data.TotalSteps} steps: the learning rate does not reach optimizer.learning_rate");
        Plan = Blueprint.Plan(Inputs.Data.TotalSteps, Memory.Activations, Memory.WeightsFirst);
        cancellation.ThrowIfCancellationRequested();
        progress.Report(new PhaseProgress("allocating the weights and the optimizer's state"));
        Store = Plan.CreateStore(Blueprint.Precision);
        var start = new StartingPoint(Blueprint, Plan, Store, Device, pretrained, resumes, Notices.Enqueue, progress);
        if (Blueprint.Kind.IsDistillation) Teacher = await Teacher.OpenAsync(Blueprint, Plan, Device, Inputs.Data.Source, Notices.Enqueue, cancellation).ConfigureAwait(false);
        if (Blueprint.Kind.IsOnPolicy) Rewards = await RolloutRewards.OpenAsync(Blueprint, Device, cancellation).ConfigureAwait(false);
        Reference = await start.ReferenceAsync(cancellation).ConfigureAwait(false);
        (Inputs, Resumed) = await start.FillAsync(Inputs, Teacher, Reference, cancellation).ConfigureAwait(false);
    }
}

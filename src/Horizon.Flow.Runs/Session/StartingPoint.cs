using Horizon.Flow.Alignment;
using Horizon.Flow.Alignment.Rewards;
using Horizon.Flow.Devices;
using Horizon.Flow.Distributed;
using Horizon.Flow.Host.Checkpoints;
using Horizon.Flow.Host.ModelFolders;
using Horizon.Flow.Host.Store;
using Horizon.Flow.Models.Adapters;
using Horizon.Flow.Runs.Blueprint;
using Horizon.Flow.Runs.Data;
using Horizon.Flow.Runs.Generation;
using Horizon.Flow.Runs.Objectives;
using Horizon.Flow.Text.Batches;

namespace Horizon.Flow.Runs.Session;

/// <summary>Fills a run's store: with the first weights or those of a checkpoint; and, where the objective needs it, what the first weights say of the data.</summary>
/// <param name="blueprint">The run.</param>
/// <param name="plan">Its plan.</param>
/// <param name="store">What is filled.</param>
/// <param name="device">Where it computes.</param>
/// <param name="pretrained">The model folder's weights; null where they are drawn, or not needed.</param>
/// <param name="resumes">Whether there is a checkpoint to go on from.</param>
/// <param name="notice">Takes sentences for the user.</param>
/// <param name="progress">Is told how far it is.</param>
internal sealed class StartingPoint(
    RunBlueprint blueprint, TrainingPlan plan, ParameterStore store, IComputeDevice device, WeightFiles? pretrained, bool resumes, Action<string> notice, SessionProgress progress)
{
    private readonly UnitSlices? _slices = blueprint.Ranks is { } ranks ? new UnitSlices(plan, ranks) : null;

    private bool NeedsReference => blueprint.KeepsReference;

    /// <summary>Fills the store.</summary>
    /// <param name="inputs">What the run reads.</param>
    /// <param name="teacher">What it distils from; null for nothing.</param>
    /// <param name="cancellation">Gives up.</param>
    /// <param name="reference">A second store that is the reference; null where none is held.</param>
    /// <returns>The inputs, with what the reference or the teacher says of them where that is needed, and the checkpoint that the run goes on from.</returns>
    public async Task<(RunInputs Inputs, TrainingCheckpoint? Resumed)> FillAsync(RunInputs inputs, Teacher? teacher, ReferenceStore? reference, CancellationToken cancellation)
    {
        if (teacher is not null) inputs = inputs with { Data = inputs.Data.RelativeTo(teacher.Content) };
        if (teacher?.Logits is { } logits) inputs = inputs with { Data = inputs.Data.Of(new PreparedBatches(inputs.Data.Source, logits.Attach)) };
        if (reference is not null) inputs = inputs with { Data = inputs.Data.RelativeTo(await StoreContent.OfAsync(blueprint.Model, reference.Store, reference.Slices, blueprint.Ranks).ConfigureAwait(false)) };
        if (!resumes || NeedsReference || blueprint.ModelConfig.Adapter is not null) await BeginAsync(store, _slices, notice, cancellation).ConfigureAwait(false);
        var folder = NeedsReference ? new ReferenceFolder(blueprint, await StoreContent.OfAsync(blueprint.Model, store, _slices, blueprint.Ranks).ConfigureAwait(false), device) : null;
        if (folder is not null) inputs = inputs with { Data = inputs.Data.RelativeTo(folder.Weights) };
        if (resumes) progress.Report(new PhaseProgress("loading the checkpoint"));
        var resumed = resumes ? await ResumePoint.LoadAsync(blueprint, plan, store, inputs.Data, notice, cancellation).ConfigureAwait(false) : null;
        await OperatorThreads.ChooseAsync(device, blueprint.Configuration.Training.CpuThreads, resumed, notice).ConfigureAwait(false);
        if (folder is null) return (inputs, resumed);
        var isUntouched = !resumes;
        inputs = await inputs.WithReferenceAsync(ReferenceOfAsync).ConfigureAwait(false);
        if (resumes && isUntouched) resumed = await ResumePoint.LoadAsync(blueprint, plan, store, inputs.Data, _ => { }, cancellation).ConfigureAwait(false);
        return (inputs, resumed);

        async Task<ReferenceLogProbabilities> ReferenceOfAsync(IBatchSource source)
        {
            var found = folder.Find(source, notice);
            // Where one rank has it not, all compute it, since each needs the others' slices for that.
            if (!await blueprint.Ranks.AnyAsync("reference", found is null).ConfigureAwait(false)) return found!;
            // What was kept is gone: back to the first weights, and then to the checkpoint's again.
            if (!isUntouched) await BeginAsync(store, _slices, _ => { }, cancellation).ConfigureAwait(false);
            isUntouched = true;
            return await folder.ComputeAsync(plan, store, device, source, notice, cancellation).ConfigureAwait(false);
        }
    }

    /// <summary>A second store with the first weights, only to be read; null where the objective holds no reference.</summary>
    /// <param name="cancellation">Gives up.</param>
    public async Task<ReferenceStore?> ReferenceAsync(CancellationToken cancellation)
    {
        if (!blueprint.HoldsReference) return null;
        var reference = new ReferenceStore(blueprint);
        try
        {
            await BeginAsync(reference.Store, reference.Slices, _ => { }, cancellation).ConfigureAwait(false);
            return reference;
        }
        catch
        {
            reference.Dispose();
            throw;
        }
    }

    private async Task BeginAsync(ParameterStore store, UnitSlices? slices, Action<string> warn, CancellationToken cancellation)
    {
        // A language model that becomes a reward model has no score yet.
        Func<string, bool>? mayMiss = blueprint.Kind.IsReward ? name => name == RewardModel.Score : null;
        if (pretrained is null) StartingWeights.Draw(blueprint, store, slices, progress, cancellation);
        else if (await StartingWeights.LoadAsync(pretrained, blueprint, store, slices, mayMiss, progress, cancellation).ConfigureAwait(false) is { } warning) warn(warning);
        if (blueprint.Configuration.Training.Adapter.Path is { } path) await ModelSource.LoadAdaptersAsync(AdapterFolder.Open(path), store, cancellation, slices is null ? null : RankStores.LoadOptions(blueprint.Model, slices)).ConfigureAwait(false);
        else if (blueprint.ModelConfig.Adapter is not null) StartingWeights.Draw(blueprint, store, slices, progress, cancellation, AdapterLayout.IsAdapter);
    }
}

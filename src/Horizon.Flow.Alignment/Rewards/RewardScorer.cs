using Horizon.Flow.Devices;
using Horizon.Flow.Distributed;
using Horizon.Flow.Host.ModelFolders;
using Horizon.Flow.Host.Safetensors;
using Horizon.Flow.Host.Store;
using Horizon.Flow.Models;
using Horizon.Flow.Program;
using Horizon.Flow.Text.Data;

namespace Horizon.Flow.Alignment.Rewards;

/// <summary>A reward model from a folder, to score sequences of tokens with. One caller at a time.</summary>
public sealed class RewardScorer : IAsyncDisposable
{
    // So many sequences lie in one micro-batch, and so many micro-batches go through each layer while it is on the device.
    private const int SequencesEach = 8;
    private const int Together = 8;

    private readonly ParameterStore _store;
    private readonly TrainingRun _run;
    private readonly ICollectives? _ranks;

    private RewardScorer(ParameterStore store, TrainingRun run, ICollectives? ranks) => (_store, _run, _ranks) = (store, run, ranks);

    /// <summary>The model.</summary>
    public Units.ModelDefinition Model => _run.Context.Plan.Model;

    /// <summary>Loads a folder.</summary>
    /// <param name="folder">Of an <c>AutoModelForSequenceClassification</c> with one label.</param>
    /// <param name="device">Where to compute; belongs to the caller.</param>
    /// <param name="ranks">Ranks that share the model, each of which loads its slices and asks for the same scores; null where there is one.</param>
    /// <param name="cancellation">Ends the loading.</param>
    /// <exception cref="HorizonException">The folder holds no reward model that can be loaded.</exception>
    public static async Task<RewardScorer> LoadAsync(string folder, IComputeDevice device, ICollectives? ranks = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(device);
        var model = RewardModel.Of(ModelFamilies.Define(RewardFolder.ReadConfig(folder)));
        using var weights = WeightFiles.Open(folder);
        if (weights.Find(RewardModel.Score) is null) throw new HorizonException($"{folder} has no {RewardModel.Score}, so it is no reward model; train one with training.objective: {{ name: reward }}");
        var isBf16 = weights.TensorNames.All(name => weights.Find(name)!.Type == SafetensorsType.BF16);
        var plan = HeldReference.Plan(model);
        if (ranks is not null) plan = plan.Distribute(ranks);
        var store = plan.CreateStore(isBf16 ? StorePrecision.Bf16 : StorePrecision.Fp32);
        try
        {
            await StoreLoader.LoadAsync(weights, store.Units, ranks is null ? null : RankStores.LoadOptions(model, new UnitSlices(plan, ranks)), cancellationToken: cancellation).ConfigureAwait(false);
            return new RewardScorer(store, plan.Start(store, device), ranks);
        }
        catch
        {
            store.Dispose();
            throw;
        }
    }

    /// <summary>The score of each sequence, of its last token; labels do not matter. Many go through each layer while it is on the device.</summary>
    /// <param name="documents">Each of two tokens or more, and no longer than the model allows; where ranks share the model, the same on every rank.</param>
    /// <param name="cancellation">Gives up waiting.</param>
    /// <exception cref="HorizonException">A sequence is too short, too long, or beyond the vocabulary.</exception>
    public async Task<IReadOnlyList<float>> ScoreAsync(IReadOnlyList<TokenDocument> documents, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(documents);
        if (documents.Count == 0) return [];
        for (var i = 0; i < documents.Count; i++)
            if (documents[i].InputIds.Length < 2 || documents[i].InputIds.Length > Model.MaximumSequenceLength)
                throw new HorizonException($"sequence {i + 1} has {documents[i].InputIds.Length} tokens; a score needs from 2 to {Model.MaximumSequenceLength}");
        List<MicroBatch> batches = [.. documents.Chunk(SequencesEach).Select(Batch)];
        var scores = await SharedPass.RunAsync(_run, batches, Ops.LogProbabilities, Together, _ranks, (_, result) => result.Numbers, cancellation).ConfigureAwait(false);
        return [.. scores.SelectMany(numbers => numbers)];
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _run.DisposeAsync().ConfigureAwait(false);
        _store.Dispose();
    }

    private static MicroBatch Batch(TokenDocument[] documents)
    {
        var count = documents.Sum(document => document.InputIds.Length);
        long[] ids = new long[count], targets = new long[count], positions = new long[count], numbers = new long[count];
        Array.Fill(targets, MicroBatch.Unlabelled);
        var at = 0;
        for (var number = 0; number < documents.Length; number++)
        {
            var tokens = documents[number].InputIds;
            for (var i = 0; i < tokens.Length; i++, at++) (ids[at], positions[at], numbers[at]) = (tokens[i], i, number);
            targets[at - 2] = tokens[^1];
        }

        return new MicroBatch(1, count, ids, targets, positions, numbers);
    }
}

using Horizon.Flow.Devices;
using Horizon.Flow.Host.ModelFolders;
using Horizon.Flow.Host.Optimizers;
using Horizon.Flow.Host.Safetensors;
using Horizon.Flow.Host.Store;
using Horizon.Flow.Models;
using Horizon.Flow.Text.Data;

namespace Horizon.Flow.Alignment.Rewards;

/// <summary>A reward model from a folder, to score sequences of tokens with. One caller at a time.</summary>
public sealed class RewardScorer : IAsyncDisposable
{
    private readonly ParameterStore _store;
    private readonly TrainingRun _run;

    private RewardScorer(ParameterStore store, TrainingRun run) => (_store, _run) = (store, run);

    /// <summary>The model.</summary>
    public Units.ModelDefinition Model => _run.Context.Plan.Model;

    /// <summary>Loads a folder.</summary>
    /// <param name="folder">Of an <c>AutoModelForSequenceClassification</c> with one label.</param>
    /// <param name="device">Where to compute; belongs to the caller.</param>
    /// <param name="cancellation">Ends the loading.</param>
    /// <exception cref="HorizonException">The folder holds no reward model that can be loaded.</exception>
    public static async Task<RewardScorer> LoadAsync(string folder, IComputeDevice device, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(device);
        var model = RewardModel.Of(ModelFamilies.Define(RewardFolder.ReadConfig(folder)));
        using var weights = WeightFiles.Open(folder);
        if (weights.Find(RewardModel.Score) is null) throw new HorizonException($"{folder} has no {RewardModel.Score}, so it is no reward model; train one with training.objective: {{ name: reward }}");
        var isBf16 = weights.TensorNames.All(name => weights.Find(name)!.Type == SafetensorsType.BF16);
        var store = ParameterStore.Create(model.Units, isBf16 ? StorePrecision.Bf16 : StorePrecision.Fp32, OptimizerFactory.Create("sgd"), isTrainable: _ => false);
        try
        {
            await StoreLoader.LoadAsync(weights, store.Units, cancellationToken: cancellation).ConfigureAwait(false);
            return new RewardScorer(store, TrainingPlan.For(model).Freeze(_ => true).Start(store, device));
        }
        catch
        {
            store.Dispose();
            throw;
        }
    }

    /// <summary>The score of each sequence, of its last token; labels do not matter. All go through each layer while it is on the device.</summary>
    /// <param name="documents">Each of two tokens or more, and no longer than the model allows.</param>
    /// <param name="cancellation">Gives up waiting.</param>
    /// <exception cref="HorizonException">A sequence is too short, too long, or beyond the vocabulary.</exception>
    public async Task<IReadOnlyList<float>> ScoreAsync(IReadOnlyList<TokenDocument> documents, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(documents);
        if (documents.Count == 0) return [];
        for (var i = 0; i < documents.Count; i++)
            if (documents[i].InputIds.Length < 2 || documents[i].InputIds.Length > Model.MaximumSequenceLength)
                throw new HorizonException($"sequence {i + 1} has {documents[i].InputIds.Length} tokens; a score needs from 2 to {Model.MaximumSequenceLength}");
        var count = documents.Sum(document => document.InputIds.Length);
        long[] ids = new long[count], targets = new long[count], positions = new long[count], numbers = new long[count];
        Array.Fill(targets, MicroBatch.Unlabelled);
        var at = 0;
        for (var number = 0; number < documents.Count; number++)
        {
            var tokens = documents[number].InputIds;
            for (var i = 0; i < tokens.Length; i++, at++) (ids[at], positions[at], numbers[at]) = (tokens[i], i, number);
            targets[at - 2] = tokens[^1];
        }

        return (await _run.LogProbabilitiesAsync([new MicroBatch(1, count, ids, targets, positions, numbers)], cancellation).ConfigureAwait(false))[0].Numbers;
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _run.DisposeAsync().ConfigureAwait(false);
        _store.Dispose();
    }
}

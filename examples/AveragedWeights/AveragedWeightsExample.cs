using System.Text.Json;
using Horizon.Flow;
using Horizon.Flow.Host.Memory;
using Horizon.Flow.Host.ModelFolders;
using Horizon.Flow.Host.Store;
using Horizon.Flow.Models;

namespace Horizon.Examples;

/// <summary>An average of the weights kept by a stage of one's own, and exported as a model that any tool reads.</summary>
public static class AveragedWeightsExample
{
    /// <summary>What <see cref="RunAsync"/> shows.</summary>
    /// <param name="Trained">The reports, and the last step's parameters.</param>
    /// <param name="Averages">The averages, unit by unit.</param>
    /// <param name="Evaluation">The loss on other rows with the last step's parameters.</param>
    /// <param name="ExportedEvaluation">And with the averages, read back from the exported folder.</param>
    public sealed record Shown(Outcome Trained, IReadOnlyList<float[]> Averages, double Evaluation, double ExportedEvaluation);

    /// <summary>A rate at which the last steps are noisy.</summary>
    public static TrainingOptions Options { get; } = Tiny.Options with { LearningRate = _ => 2e-2, MaxGradientNorm = 1 };

    /// <summary>Trains, exports the average, and reads it back.</summary>
    public static async Task<Shown> RunAsync(TextWriter output, int steps = 30, double decay = 0.8, string? folder = null, StorePrecision precision = StorePrecision.Fp32)
    {
        ArgumentNullException.ThrowIfNull(output);
        var temporary = folder is null;
        folder ??= Directory.CreateTempSubdirectory("horizon-average-").FullName;
        try
        {
            var plain = TrainingPlan.For(Tiny.Model, Options);
            using var store = Tiny.Fill(plain, plain.CreateStore(precision));
            // <snippet>
            using var averages = new AveragedWeights(store, decay);
            var trained = await Outcome.OfAsync(averages.Plan(plain), store, steps).ConfigureAwait(false);
            await averages.ExportAsync(folder, ElementType.Float32, new Dictionary<string, ReadOnlyMemory<byte>> { ["config.json"] = Config() }).ConfigureAwait(false);
            // </snippet>

            var read = TrainingPlan.For(ModelFamilies.Define(ModelFolder.ReadConfig(folder)), Options);
            using var exported = read.CreateStore(StorePrecision.Fp32);
            using (var checkpoint = WeightFiles.Open(folder)) await StoreLoader.LoadAsync(checkpoint, exported.Units).ConfigureAwait(false);
            var shown = new Shown(
                trained,
                [.. averages.Units.Select(unit => unit.Weights.Span<float>(0, (int)unit.Layout.ElementCount).ToArray())],
                await Outcome.EvaluateAsync(plain, store).ConfigureAwait(false),
                await Outcome.EvaluateAsync(read, exported).ConfigureAwait(false));
            await output.WriteLineAsync($"loss {trained.Reports[0].Loss:F3} -> {trained.LastLoss:F3}; on new rows {shown.Evaluation:F3} with the last step's weights, {shown.ExportedEvaluation:F3} with their average").ConfigureAwait(false);
            return shown;
        }
        finally
        {
            if (temporary) Directory.Delete(folder, recursive: true);
        }
    }

    // The tiny model was made in code; a model from a folder has its config.json there.
    private static byte[] Config() => JsonSerializer.SerializeToUtf8Bytes(new Dictionary<string, object>
    {
        ["architectures"] = new[] { Tiny.Config.Architecture },
        ["model_type"] = "llama",
        ["vocab_size"] = Tiny.Config.VocabularySize,
        ["hidden_size"] = Tiny.Config.HiddenSize,
        ["intermediate_size"] = Tiny.Config.IntermediateSize,
        ["num_hidden_layers"] = Tiny.Config.LayerCount,
        ["num_attention_heads"] = Tiny.Config.HeadCount,
        ["num_key_value_heads"] = Tiny.Config.KeyValueHeadCount,
        ["head_dim"] = Tiny.Config.HeadDimension,
        ["max_position_embeddings"] = Tiny.Config.MaximumSequenceLength,
        ["rms_norm_eps"] = Tiny.Config.NormEpsilon,
        ["tie_word_embeddings"] = Tiny.Config.TiedHead,
        ["hidden_act"] = "silu",
    });
}

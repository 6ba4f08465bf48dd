using System.Text.Json;
using Horizon.Flow;
using Horizon.Flow.Host.Memory;
using Horizon.Flow.Host.ModelFolders;
using Horizon.Flow.Host.Store;
using Horizon.Flow.Models;

namespace Horizon.Examples;

/// <summary>A model family of one's own in the place of the library's: read from a Hugging Face folder, trained, and written back.</summary>
public static class OwnFamilyExample
{
    /// <summary>What <see cref="RunAsync"/> shows.</summary>
    /// <param name="Trained">The reports, and the parameters.</param>
    /// <param name="Evaluation">The loss on other rows.</param>
    /// <param name="ReadBackEvaluation">And of the model as the folder has it.</param>
    public sealed record Shown(Outcome Trained, double Evaluation, double ReadBackEvaluation);

    /// <summary>A GPT-2 of three blocks.</summary>
    public static string ConfigJson { get; } = JsonSerializer.Serialize(new Dictionary<string, object>
    {
        ["architectures"] = new[] { "GPT2LMHeadModel" },
        ["model_type"] = "gpt2",
        ["vocab_size"] = Tiny.Config.VocabularySize,
        ["n_embd"] = 32,
        ["n_layer"] = 3,
        ["n_head"] = 4,
        ["n_positions"] = 64,
        ["layer_norm_epsilon"] = 1e-5,
        ["initializer_range"] = 0.1,
        ["activation_function"] = "gelu_new",
        ["resid_pdrop"] = 0.0,
    });

    /// <summary>The known families and this one.</summary>
    public static ModelRegistry Registry { get; } = ModelRegistry.Default.With(new Gpt2Family());

    /// <summary>Trains it, exports it, reads it back.</summary>
    public static async Task<Shown> RunAsync(TextWriter output, int steps = 30, StorePrecision precision = StorePrecision.Fp32)
    {
        ArgumentNullException.ThrowIfNull(output);
        var folder = Directory.CreateTempSubdirectory("horizon-gpt2-").FullName;
        try
        {
            await File.WriteAllTextAsync(Path.Combine(folder, "config.json"), ConfigJson).ConfigureAwait(false);
            // <snippet>
            var model = Registry.Define(ModelFolder.ReadConfig(folder, Registry));
            var plan = TrainingPlan.For(model, Tiny.Options with { MaxGradientNorm = 1 });
            // </snippet>
            using var store = Tiny.Fill(plan, plan.CreateStore(precision));
            var trained = await Outcome.OfAsync(plan, store, steps).ConfigureAwait(false);
            await ModelExporter.ExportAsync(folder, store.Units, new ModelExportOptions { ElementType = ElementType.Float32 }).ConfigureAwait(false);
            using var read = plan.CreateStore(precision);
            using (var checkpoint = WeightFiles.Open(folder)) await StoreLoader.LoadAsync(checkpoint, read.Units).ConfigureAwait(false);
            var shown = new Shown(trained, await Outcome.EvaluateAsync(plan, store).ConfigureAwait(false), await Outcome.EvaluateAsync(plan, read).ConfigureAwait(false));
            await output.WriteLineAsync($"{model.Architecture}, {model.ParameterCount:N0} parameters: loss {trained.Reports[0].Loss:F3} -> {trained.LastLoss:F3}").ConfigureAwait(false);
            await output.WriteLineAsync($"on new rows {shown.Evaluation:F4}, read back from its folder {shown.ReadBackEvaluation:F4}").ConfigureAwait(false);
            return shown;
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }
}

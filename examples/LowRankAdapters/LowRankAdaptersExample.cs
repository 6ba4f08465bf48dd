using Horizon.Flow;
using Horizon.Flow.Host.Memory;
using Horizon.Flow.Host.Optimizers;
using Horizon.Flow.Host.Store;
using Horizon.Flow.Models.Common;

namespace Horizon.Examples;

/// <summary>Low-rank adapters as two inserted stages: the base stays as it is, the adapters train, and both forms are exported.</summary>
public static class LowRankAdaptersExample
{
    /// <summary>What <see cref="RunAsync"/> shows.</summary>
    /// <param name="Before">The base's parameters.</param>
    /// <param name="Trained">The reports, and the base's parameters after training.</param>
    /// <param name="Adapters">The adapters after training, by PEFT's names.</param>
    /// <param name="Initial">The adapters before.</param>
    /// <param name="BytesDown">Bytes of all gradients that came down.</param>
    /// <param name="Evaluation">The loss on new rows with the adapters.</param>
    public sealed record Shown(
        IReadOnlyList<float[]> Before,
        Outcome Trained,
        IReadOnlyDictionary<string, float[]> Adapters,
        IReadOnlyDictionary<string, float[]> Initial,
        long BytesDown,
        double Evaluation);

    /// <summary>Rank, alpha and the matrices that get adapters.</summary>
    public static LowRankAdapters CreateAdapters(StorePrecision precision) => new(
        Tiny.Model, precision, rank: 4, alpha: 8, [Roles.Query, Roles.Value, Roles.Gate, Roles.Down],
        OptimizerFactory.Create("adamw", new OptimizerOptions { WeightDecay = 0, Epsilon = 1e-6 }));

    /// <summary>Trains adapters, and exports them alone and merged.</summary>
    public static async Task<Shown> RunAsync(TextWriter output, int steps = 30, string? folder = null, StorePrecision precision = StorePrecision.Fp32)
    {
        var temporary = folder is null;
        folder ??= Directory.CreateTempSubdirectory("horizon-adapters-").FullName;
        try
        {
            // <snippet>
            var adapters = CreateAdapters(precision);
            var plan = adapters.Plan(Tiny.Options with { MaxGradientNorm = 0.5 });
            using var store = Tiny.Fill(plan, plan.CreateStore(precision));
            adapters.Initialize(store, seed: 5);
            // </snippet>
            var (before, initial, bytesDown) = (Outcome.Read(store), Read(adapters, store), 0L);
            var counted = plan.At(Stages.Download).Tap("count bytes", gradient => gradient.View.Count * store.WeightType.ByteSize(), bytes => bytesDown += bytes);
            var trained = await Outcome.OfAsync(counted, store, steps).ConfigureAwait(false);
            var shown = new Shown(before, trained, Read(adapters, store), initial, bytesDown, await Outcome.EvaluateAsync(plan, store).ConfigureAwait(false));

            await AdapterExport.WritePeftAsync(Path.Combine(folder, "adapter"), adapters, store, "tiny").ConfigureAwait(false);
            await AdapterExport.WriteMergedAsync(Path.Combine(folder, "merged"), adapters, store).ConfigureAwait(false);
            await output.WriteLineAsync($"loss {trained.Reports[0].Loss:F3} -> {trained.LastLoss:F3} with {shown.Adapters.Values.Sum(values => values.Length):N0} trained of {plan.Model.ParameterCount:N0} parameters").ConfigureAwait(false);
            await output.WriteLineAsync($"{bytesDown / steps:N0} bytes of gradients a step came down; the base is unchanged: {before.Zip(trained.Parameters).All(pair => pair.First.SequenceEqual(pair.Second))}").ConfigureAwait(false);
            foreach (var file in Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories).Order(StringComparer.Ordinal))
                await output.WriteLineAsync($"{Path.GetRelativePath(folder, file)}: {new FileInfo(file).Length:N0} bytes").ConfigureAwait(false);
            return shown;
        }
        finally
        {
            if (temporary) Directory.Delete(folder, recursive: true);
        }
    }

    private static Dictionary<string, float[]> Read(LowRankAdapters adapters, ParameterStore store) =>
        adapters.Of(store).SelectMany(pair => pair.Adapters.Layout.Parameters.Select(slot => (pair.Adapters, slot))).ToDictionary(pair => pair.slot.TensorName, pair =>
        {
            var values = new float[pair.slot.Count];
            pair.Adapters.ReadMasters(pair.slot.Offset, values);
            return values;
        });
}

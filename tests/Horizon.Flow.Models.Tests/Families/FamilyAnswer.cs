using System.Text.Json;
using Horizon.Flow.Accounting;
using Horizon.Flow.Devices;
using Horizon.Flow.Host.ModelFolders;
using Horizon.Flow.Host.Optimizers;
using Horizon.Flow.Host.Store;
using Horizon.Flow.Testing;
using Horizon.Flow.Models.Tests.Reference;
using Horizon.Flow.Units;

namespace Horizon.Flow.Models.Tests.Families;

/// <summary>
/// A tiny checkpoint with transformers' answers: the folder is read by the public configuration alone, trained by the graph for three steps, and
/// compared. Layout of a folder: see data/SOURCES.md.
/// </summary>
public sealed record FamilyAnswer(double Logits, double Losses, double Norms, double Parameters, string WorstParameter, IReadOnlyList<string> NamesThatDiffer)
{
    /// <summary>The largest errors: absolute of logits and losses; relative of gradient norms, and of each parameter over its whole tensor (L2).</summary>
    public static async Task<FamilyAnswer> OfAsync(string folder)
    {
        var io = new SafetensorsReader(Path.Combine(folder, "io.safetensors"));
        using var expected = JsonDocument.Parse(await File.ReadAllTextAsync(Path.Combine(folder, "expected.json")));
        var definition = ModelFamilies.Define(ModelFolder.ReadConfig(folder));
        var settings = expected.RootElement.GetProperty("optimizer");
        double Setting(string name) => settings.GetProperty(name).GetDouble();
        var betas = settings.GetProperty("betas");
        var plan = TrainingPlan.For(definition, new TrainingOptions
        {
            Optimizer = OptimizerFactory.Create("adamw", new OptimizerOptions { Betas = (betas[0].GetDouble(), betas[1].GetDouble()), Epsilon = Setting("eps"), WeightDecay = Setting("weight_decay") }),
            LearningRate = _ => Setting("lr"),
            MaxGradientNorm = Setting("max_grad_norm"),
        });
        using var store = plan.CreateStore(StorePrecision.Fp32);
        using (var checkpoint = WeightFiles.Open(folder)) await StoreLoader.LoadAsync(checkpoint, store.Units);

        var logits = LogitError(definition, StoreValues.Read(store), io);
        using var device = new CpuDevice();
        var run = plan.Start(store, device);
        var reports = new List<StepReport>();
        await foreach (var report in run.StepsAsync(Enumerable.Range(0, 3).Select(step => new[] { Batch(io, 2 * step, 2) }))) reports.Add(report);
        await run.DisposeAsync();

        double Worst(string list, Func<StepReport, double> value, bool relative) => reports.Zip(expected.RootElement.GetProperty(list).EnumerateArray(), (report, wanted) =>
            Math.Abs(value(report) - wanted.GetDouble()) / (relative ? wanted.GetDouble() : 1)).Max();
        var trained = StoreValues.Read(store);
        var after = new SafetensorsReader(Path.Combine(folder, "after3.safetensors"));
        var errors = trained.Where(entry => after.Names.Contains(entry.Key)).Select(entry => (entry.Key, Error: Numbers.RelativeError(after.Floats(entry.Key), entry.Value))).ToList();
        var worst = errors.MaxBy(entry => entry.Error);
        return new(logits, Worst("losses", report => report.Loss, false), Worst("grad_norms", report => report.GradientNorm, true), worst.Error, worst.Key,
            [.. trained.Keys.Except(after.Names), .. after.Names.Except(trained.Keys)]);
    }

    private static double LogitError(ModelDefinition definition, Dictionary<string, float[]> values, SafetensorsReader io)
    {
        using var walk = new UnitWalk(definition, values);
        using var batch = UnitWalk.Batch(Batch(io, 0, (int)io.Shape("logits")[0]));
        return io.Floats("logits").Zip(walk.Logits(batch), (wanted, given) => (double)Math.Abs(wanted - given)).Max();
    }

    // The label of a token stands at its own place; the target of a place is the next token's label.
    private static MicroBatch Batch(SafetensorsReader io, int first, int rows)
    {
        var sequence = (int)io.Shape("input_ids")[1];
        var ids = io.Integers("input_ids").AsSpan(first * sequence, rows * sequence).ToArray();
        var labels = io.Integers("labels").AsSpan(first * sequence, rows * sequence).ToArray();
        var targets = labels.Select((_, place) => (place + 1) % sequence == 0 ? -100 : labels[place + 1]).ToArray();
        return new MicroBatch(rows, sequence, ids, targets, [.. ids.Select((_, place) => (long)(place % sequence))]);
    }
}

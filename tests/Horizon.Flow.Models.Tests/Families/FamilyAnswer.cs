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
    // Of a bias's gradient, relative to that of its matrix, whose rows are sums of the same numbers, each times an input: so little is left where they cancel.
    private const double Rounding = 1e-6;

    // What fp32 leaves of a gradient of zero, Adam turns into steps of either sign, each a learning rate long at most; transformers' go one way, ours another.
    private const double LongestWay = 2 * 1.01;

    // GPT-NeoX and GPT-2 have the keys' bias within one of queries, keys and values.
    private static readonly string[] KeyBiases = ["k_proj.bias", "query_key_value.bias", "c_attn.bias"];

    /// <summary>Where the gradient of a key's bias is nothing but rounding; all else is compared as it is.</summary>
    public required IReadOnlyDictionary<string, int[]> Rounded { get; init; }

    /// <summary>Whether in these places both went no further than steps of rounding lead.</summary>
    public required bool RoundedStayNear { get; init; }

    /// <summary>Every parameter after the three steps, by the model folder's names.</summary>
    public required IReadOnlyDictionary<string, float[]> Trained { get; init; }

    /// <summary>The largest errors: absolute of logits and losses; relative of gradient norms, and of each parameter over its whole tensor (L2).</summary>
    /// <remarks>
    /// A key's bias shifts all scores of a query alike where its channel is not rotated, and the softmax takes that away: its gradient is zero, and what
    /// transformers and this code have in its place is rounding. Such places are left out of the error of their tensor and held by <see cref="RoundedStayNear"/>.
    /// </remarks>
    /// <param name="folder">The checkpoint with its answers.</param>
    /// <param name="parts">How many parts experts are in.</param>
    public static async Task<FamilyAnswer> OfAsync(string folder, int parts = 1)
    {
        var io = new SafetensorsReader(Path.Combine(folder, "io.safetensors"));
        using var expected = JsonDocument.Parse(await File.ReadAllTextAsync(Path.Combine(folder, "expected.json")));
        var definition = ModelFamilies.Define(ModelFolder.ReadConfig(folder) with { ExpertParts = parts });
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
        var rounded = Places(definition, (await run.GradientsAsync([Batch(io, 0, 2)])).ByUnit);
        await foreach (var report in run.StepsAsync(Enumerable.Range(0, 3).Select(step => new[] { Batch(io, 2 * step, 2) }))) reports.Add(report);
        await run.DisposeAsync();

        double Worst(string list, Func<StepReport, double> value, bool relative) => reports.Zip(expected.RootElement.GetProperty(list).EnumerateArray(), (report, wanted) =>
            Math.Abs(value(report) - wanted.GetDouble()) / (relative ? wanted.GetDouble() : 1)).Max();
        var trained = StoreValues.Read(store);
        // Where a folder is kept small, the losses and norms of the second and third step stand for the parameters.
        var afterwards = Path.Combine(folder, "after3.safetensors");
        var isKept = File.Exists(afterwards);
        var after = new SafetensorsReader(isKept ? afterwards : Path.Combine(folder, "model.safetensors"));
        float[] Compared(string name, float[] values) => rounded.TryGetValue(name, out var left) ? [.. values.Where((_, place) => !left.Contains(place))] : values;
        var errors = trained.Where(entry => isKept && after.Names.Contains(entry.Key)).Select(entry => (entry.Key, Error: Numbers.RelativeError(Compared(entry.Key, after.Floats(entry.Key)), Compared(entry.Key, entry.Value)))).ToList();
        var worst = isKept ? errors.MaxBy(entry => entry.Error) : ("not kept", 0);
        var way = LongestWay * reports.Count * Setting("lr");
        return new(logits, Worst("losses", report => report.Loss, false), Worst("grad_norms", report => report.GradientNorm, true), worst.Error, worst.Key,
            [.. trained.Keys.Except(after.Names), .. after.Names.Except(trained.Keys)])
        {
            Trained = trained,
            Rounded = rounded,
            RoundedStayNear = rounded.All(entry => entry.Value.All(place => Math.Abs(after.Floats(entry.Key)[place] - trained[entry.Key][place]) <= way)),
        };
    }

    private static Dictionary<string, int[]> Places(ModelDefinition definition, IReadOnlyList<float[]?> gradients)
    {
        var found = new Dictionary<string, int[]>();
        foreach (var (unit, gradient) in definition.Units.Zip(gradients))
        {
            if (gradient is null) continue;
            float[] Of(ParameterSlot slot) => gradient.AsSpan((int)slot.Offset, (int)slot.Count).ToArray();
            foreach (var bias in unit.Trained.Parameters.Where(slot => KeyBiases.Any(ending => slot.TensorName.EndsWith(ending, StringComparison.Ordinal))))
            {
                if (unit.Trained.Parameters.FirstOrDefault(slot => slot.Role == bias.Role[..^4] + "weight") is not { Shape.Count: 2 } matrix) continue;
                var floor = Rounding * Numbers.Norm(Of(matrix)) / Math.Sqrt(bias.Count);
                int[] places = [.. Of(bias).Index().Where(entry => Math.Abs(entry.Item) <= floor).Select(entry => entry.Index)];
                if (places.Length > 0) found[bias.TensorName] = places;
            }
        }

        return found;
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

using System.Globalization;
using Horizon.Flow.Blocks;
using Horizon.Flow.Devices;
using Horizon.Flow.Host.Store;
using Horizon.Flow.Host.Workers;
using Horizon.Flow.Models;
using Horizon.Flow.Models.Fp8;
using Horizon.Flow.Testing;
using Horizon.Flow.Units;

namespace Horizon.Flow.Bench;

/// <summary>
/// A model of bytes learns from the same random start and the same text in several precisions: losses side by side. A way is a precision; behind it may stand
/// <c>-emulated</c>, for the emulation's operators on any device, <c>~1</c>, for a start that is a ten thousandth larger, which shows how far two runs drift apart by
/// themselves, and <c>@2</c>, for another start and other data.
/// </summary>
internal static class Fp8Curve
{
    private const int Points = 12;

    public static async Task RunAsync(
        IComputeDevice device, ModelConfig config, int rows, int sequence, int steps, string folder, string[] ways, string? losses, TimeSpan limit, Report report)
    {
        config = config with { VocabularySize = 256 };
        var text = Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories)
            .Where(file => Path.GetExtension(file) is ".cs" or ".md" or ".py" && !file.Contains($"{Path.DirectorySeparatorChar}obj{Path.DirectorySeparatorChar}", StringComparison.Ordinal))
            .Order(StringComparer.Ordinal).SelectMany(File.ReadAllBytes).ToArray();
        report.Say($"{ModelFamilies.Define(config).ParameterCount:N0} parameters, {config.LayerCount} layers, {rows} x {sequence} bytes a step of {text.Length:N0} bytes, {steps} steps");
        double? first = null;
        if (losses is not null) await File.WriteAllTextAsync(losses, "way,step,loss\n");
        foreach (var way in ways)
        {
            await report.Part(way, limit, async () =>
            {
                var parts = way.Split('@');
                var seed = parts.Length == 1 ? 1 : int.Parse(parts[1], CultureInfo.InvariantCulture);
                var nudged = parts[0].Split('~');
                var scale = 0.02 * (1 + (nudged.Length == 1 ? 0 : 1e-4 * int.Parse(nudged[1], CultureInfo.InvariantCulture)));
                var found = await TrainAsync(device, config, nudged[0], seed, scale, Batches(text, rows, sequence, steps, seed), steps);
                if (losses is not null) await File.AppendAllLinesAsync(losses, found.Select((loss, step) => FormattableString.Invariant($"{way},{step + 1},{loss:F5}")));
                var piece = Math.Max(1, steps / Points);
                var means = found.Chunk(piece).Select(part => part.Average()).ToList();
                var last = found.TakeLast(Math.Max(1, steps / 10)).Average();
                first ??= last;
                report.Say($"{way}: mean losses of {piece} steps each {string.Join(" ", means.Select(mean => FormattableString.Invariant($"{mean:F4}")))}");
                report.Say($"{way}: last {Math.Max(1, steps / 10)} steps {last:F5}, {(last / first.Value) - 1:P3} from {ways[0]}");
            });
        }
    }

    private static async Task<List<double>> TrainAsync(IComputeDevice device, ModelConfig config, string way, int seed, double scale, IEnumerable<IReadOnlyList<MicroBatch>> batches, int steps)
    {
        var model = ModelFamilies.Define(config);
        if (way.EndsWith("-emulated", StringComparison.Ordinal)) (way, device) = (way[..^9], new EagerDevice(device));
        if (way is not "fp32" and not "bf16") model = model.WithFp8(Options(way));
        var plan = TrainingPlan.For(model, new TrainingOptions
        {
            Optimizer = UpdateRules.Create("adamw"),
            LearningRate = step => 1e-3 * Math.Min(1, (step + 1) / 20.0) * (1 - (0.9 * step / steps)),
            MaxGradientNorm = 1,
        });
        using var store = plan.CreateStore(way == "fp32" ? StorePrecision.Fp32 : StorePrecision.Bf16);
        using var workers = new HostWorkers();
        StoreFill.Fill(store, seed, workers, scale);
        var losses = new List<double>();
        var run = plan.Start(store, device);
        try
        {
            await foreach (var report in run.StepsAsync(batches, ahead: 1)) losses.Add(report.Loss);
        }
        finally
        {
            await run.DisposeAsync();
        }

        return losses;
    }

    private static Fp8Options Options(string way)
    {
        var parts = way.Split('-');
        return Enum.TryParse<Fp8Scaling>(parts[0], ignoreCase: true, out var scaling) && Enum.TryParse<Fp8Format>(parts.ElementAtOrDefault(1), ignoreCase: true, out var format)
            ? new Fp8Options { Scaling = scaling, Gradients = format, FastForward = !parts.Contains("exact"), FastGradients = parts.Contains("fast"), Fp8Tapes = parts.Contains("tapes") }
            : throw new HorizonException($"--ways: '{way}' is none; there are fp32, bf16 and tensor, row or block with -e5m2 or -e4m3 and perhaps -exact, -fast or -tapes, each perhaps with -emulated, ~ and a number, and @ and a seed");
    }

    private static IEnumerable<IReadOnlyList<MicroBatch>> Batches(byte[] text, int rows, int sequence, int steps, int seed)
    {
        for (var step = 0; step < steps; step++)
        {
            var random = new Random(Seeds.Mix(seed, step));
            var starts = Enumerable.Range(0, rows).Select(_ => random.Next(text.Length - sequence - 1)).ToArray();
            long[] From(int offset) => [.. starts.SelectMany(start => Enumerable.Range(start + offset, sequence)).Select(place => (long)text[place])];
            yield return [new MicroBatch(rows, sequence, From(0), From(1), [.. Enumerable.Range(0, rows * sequence).Select(i => (long)(i % sequence))])];
        }
    }
}

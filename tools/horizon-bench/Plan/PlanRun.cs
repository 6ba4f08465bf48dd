using System.Text.Json;
using Horizon.Flow.Devices;
using Horizon.Flow.Host.Memory;
using Horizon.Flow.Resources;
using Horizon.Flow.Runs.Loading;
using Horizon.Flow.Runs.Planning;
using Horizon.Flow.Runs.Sections;
using Horizon.Flow.Runs.Session;

namespace Horizon.Flow.Bench;

/// <summary>Plans one setting and runs it, in this process.</summary>
internal static class PlanRun
{
    // Steps longer than this are few and warm up once: their first one has all that later ones do not.
    private static readonly TimeSpan Long = TimeSpan.FromSeconds(1.5);

    private static readonly IReadOnlyList<string> ResidentParts = ["RssAnon:", "RssFile:", "RssShmem:", "VmLck:", "VmPin:"];

    /// <summary>Runs the setting in a folder and writes what was seen as one line of JSON.</summary>
    public static async Task RunAsync(PlanSetting setting, string folder, string deviceName, TextWriter output)
    {
        var configuration = Configure(setting, folder, deviceName, steps: 6);
        if (setting.HasAdapter) await PlanWeights.WriteAsync(configuration.Model.Path!).ConfigureAwait(false);
        using var device = ComputeDevice.Parse(deviceName);
        var plan = RunPlanner.Plan(configuration);
        RunPlanner.Require(plan);
        var isLong = plan.Cost?.Time.Predicted > Long.TotalSeconds;
        var (steps, warmUp) = isLong ? (3, 1) : (6, 2);
        configuration = configuration with { Training = configuration.Training with { MaxSteps = steps } };
        ProcessMemory.ForgetPeak();
        var (times, tokens, tensors) = (new List<double>(), 0.0, 0L);
        IReadOnlyDictionary<string, long> parts;
        var session = await TrainingSession.OpenAsync(configuration).ConfigureAwait(false);
        await using (session.ConfigureAwait(false))
        {
            await foreach (var happened in session.RunAsync(CancellationToken.None).ConfigureAwait(false))
            {
                if (happened is not TrainingEvent.StepEnded { Report: var step }) continue;
                if (step.Step > warmUp) times.Add(step.Elapsed.TotalSeconds);
                (tokens, tensors) = (step.Tokens, Math.Max(tensors, step.DeviceBytesPeak));
            }

            parts = ResidentParts.ToDictionary(part => part.TrimEnd(':'), ProcessMemory.Field);
        }

        var seen = new Forecast(
            plan.Model, plan.ActivationsReason, plan.DeviceMemory?.Bytes ?? 0, plan.Items.GroupBy(item => $"{item.Place}: {item.Kind}").ToDictionary(kind => kind.Key, kind => kind.Sum(item => item.Bytes)),
            plan.Needed(MemoryPlace.Host).Bytes, plan.Needed(MemoryPlace.Device).Bytes, plan.Cost?.Time.Predicted ?? 0, plan.Cost?.Time.Floor ?? 0, plan.Cost?.Rates.Source ?? "",
            ProcessMemory.Peak, parts, tensors, times, tokens);
        await output.WriteLineAsync(JsonSerializer.Serialize(seen)).ConfigureAwait(false);
    }

    /// <summary>Plans the setting for a GPU with so much memory, and runs nothing.</summary>
    public static PlanReport Predict(PlanSetting setting, string folder, ByteSize memory) => RunPlanner.Plan(Configure(setting, folder, "auto", steps: 6), memory, new ByteSize(long.MaxValue / 2));

    private static RunConfiguration Configure(PlanSetting setting, string folder, string device, int steps)
    {
        Directory.CreateDirectory(Path.Combine(folder, "shape"));
        File.WriteAllText(Path.Combine(folder, "shape", "config.json"), setting.Model);
        var random = new Random(1);
        using (var data = File.CreateText(Path.Combine(folder, "tokens.jsonl")))
        {
            for (var left = (long)steps * setting.Batch * setting.Row; left > 0;)
            {
                var length = setting.Documents is { } mean ? random.Next(mean / 2, (3 * mean / 2) + 1) : setting.Row;
                data.WriteLine(JsonSerializer.Serialize(new { input_ids = Enumerable.Range(0, length).Select(_ => random.Next(256)) }));
                // Rows of one document each take one document a row.
                left -= setting.IsPacked ? length : setting.Row;
            }
        }

        return ConfigurationLoader.Parse(
            $$"""
            model:    { path: shape, init: {{(setting.HasAdapter ? "pretrained" : "random")}} }
            data:     { path: tokens.jsonl, format: tokens, sequence_length: {{setting.Row}}, packing: false }
            training: { batch_size: {{setting.Batch}}, max_steps: {{steps}} }
            output:   { directory: out }
            device:   {{device}}
            """, "setting", folder, setting.Keys);
    }
}

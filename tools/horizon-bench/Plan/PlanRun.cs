using System.Text.Json;
using Horizon.Flow.Devices;
using Horizon.Flow.Resources;
using Horizon.Flow.Runs.Loading;
using Horizon.Flow.Runs.Planning;
using Horizon.Flow.Runs.Sections;
using Horizon.Flow.Runs.Session;

namespace Horizon.Flow.Bench;

/// <summary>Plans one setting and runs it, in this process.</summary>
internal static class PlanRun
{
    private const int Steps = 6;
    private const int WarmUp = 2;

    /// <summary>Runs the setting in a folder and writes what was seen as one line of JSON.</summary>
    public static async Task RunAsync(PlanSetting setting, string folder, string deviceName, TextWriter output)
    {
        var configuration = Configure(setting, folder, deviceName);
        using var device = ComputeDevice.Parse(deviceName);
        var free = device.FreeMemoryBytes ?? 0;
        var plan = RunPlanner.Plan(configuration);
        RunPlanner.Require(plan);
        var before = device.FreeMemoryBytes is null ? 0 : ProcessMemory.Resident; // a plan on the CPU counts the process, too
        ProcessMemory.ForgetPeak();
        var (times, tokens, used, least) = (new List<double>(), 0.0, 0L, free);
        var session = await TrainingSession.OpenAsync(configuration).ConfigureAwait(false);
        await using (session.ConfigureAwait(false))
        {
            await foreach (var happened in session.RunAsync(CancellationToken.None).ConfigureAwait(false))
            {
                if (happened is not TrainingEvent.StepEnded { Report: var step }) continue;
                if (step.Step > WarmUp) times.Add(step.Elapsed.TotalSeconds);
                (tokens, used, least) = (step.Tokens, Math.Max(used, step.DeviceBytesPeak), Math.Min(least, device.FreeMemoryBytes ?? 0));
            }
        }

        times.Sort();
        var seen = new Forecast(
            plan.Model, plan.ActivationsReason, plan.Needed(MemoryPlace.Host).Bytes, plan.Needed(MemoryPlace.Device).Bytes, plan.Cost?.Time.Predicted ?? 0, plan.Cost?.Time.Floor ?? 0,
            plan.Cost?.Rates.Source ?? "", ProcessMemory.Peak - before, used, free - least, times[times.Count / 2], tokens);
        await output.WriteLineAsync(JsonSerializer.Serialize(seen)).ConfigureAwait(false);
    }

    private static RunConfiguration Configure(PlanSetting setting, string folder, string device)
    {
        Directory.CreateDirectory(Path.Combine(folder, "shape"));
        File.WriteAllText(Path.Combine(folder, "shape", "config.json"), setting.Model);
        var random = new Random(1);
        using (var data = File.CreateText(Path.Combine(folder, "tokens.jsonl")))
        {
            for (var left = 4L * Steps * setting.Batch * setting.Row; left > 0;)
            {
                var length = setting.Documents is { } mean ? random.Next(mean / 2, (3 * mean / 2) + 1) : setting.Row;
                data.WriteLine(JsonSerializer.Serialize(new { input_ids = Enumerable.Range(0, length).Select(_ => random.Next(256)) }));
                // Rows of one document each take one document a row.
                left -= setting.IsPacked ? length : setting.Row;
            }
        }

        return ConfigurationLoader.Parse(
            $$"""
            model:    { path: shape, init: random }
            data:     { path: tokens.jsonl, format: tokens, sequence_length: {{setting.Row}}, packing: false }
            training: { batch_size: {{setting.Batch}}, max_steps: {{Steps}} }
            output:   { directory: out }
            device:   {{device}}
            """, "setting", folder, setting.Keys);
    }
}

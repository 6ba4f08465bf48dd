using System.Text.Json;
using Horizon.Flow.Runs.Blueprint;
using Horizon.Flow.Runs.Planning;
using Horizon.Flow.Runs.Sections;
using Horizon.Flow.Runs.Session;
using Horizon.Flow.Text.Data;

namespace Horizon.Flow.Bench;

/// <summary>One run in this process, with the peak of each of its parts.</summary>
internal static class RowRun
{
    private const int Steps = 3;
    private const int Tokens = 64;

    /// <summary>Runs the row in a folder and writes what was seen as one line of JSON.</summary>
    public static async Task RunAsync(MemoryRow row, string folder, TextWriter output)
    {
        var start = ProcessMemory.Resident;
        var configuration = Configure(row, folder);
        var plan = RunPlanner.Plan(configuration);
        RunPlanner.Require(plan);
        ProcessMemory.ForgetPeak();
        var session = await TrainingSession.OpenAsync(configuration).ConfigureAwait(false);
        await using (session.ConfigureAwait(false))
        {
            var load = Peak();
            var (first, later) = (0L, 0L);
            await foreach (var happened in session.RunAsync(CancellationToken.None).ConfigureAwait(false))
            {
                if (happened is not TrainingEvent.StepEnded) continue;
                if (first == 0) first = Peak();
                else later = Math.Max(later, Peak());
            }

            ProcessMemory.ForgetPeak();
            await session.SaveAsync().ConfigureAwait(false);
            var measured = new Measured(
                RunBlueprint.Of(configuration).Model.ParameterCount, start, load, first, later, Peak(),
                [.. plan.Items.Select(item => KeyValuePair.Create(item.Kind, item.Bytes))]);
            await output.WriteLineAsync(JsonSerializer.Serialize(measured)).ConfigureAwait(false);
        }
    }

    private static long Peak()
    {
        var peak = ProcessMemory.Peak;
        ProcessMemory.ForgetPeak();
        return peak;
    }

    private static RunConfiguration Configure(MemoryRow row, string folder)
    {
        var model = Path.Combine(folder, "shape");
        var exported = Path.Combine(folder, "out", "model");
        var loads = row.Checkpoint && Directory.Exists(exported);
        if (!loads) row.Shape.Write(model);
        var data = Path.Combine(folder, "tokens.jsonl");
        var random = new Random(1);
        File.WriteAllLines(data, Enumerable.Range(0, Steps).Select(_ =>
            JsonSerializer.Serialize(new { input_ids = Enumerable.Range(0, Tokens).Select(_ => random.Next(row.Shape.Vocabulary)) })));
        return new RunConfiguration
        {
            Model = new() { Path = loads ? exported : model, Init = loads ? ModelInit.Pretrained : ModelInit.Random },
            Data = new() { Path = data, Format = DataFormat.Tokens, SequenceLength = Tokens, Packing = false, Shuffle = false },
            Training = new() { BatchSize = 1, MaxSteps = Steps, MaxGradNorm = row.Clip ? 1.0 : null },
            Optimizer = new() { Name = row.Optimizer },
            Output = new() { Directory = Path.Combine(folder, "out"), Overwrite = true },
            Device = "cpu",
        };
    }
}

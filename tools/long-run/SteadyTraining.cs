using System.Globalization;
using Horizon.Flow.Host;
using Horizon.Flow.Models;
using Horizon.Flow.Text;

namespace Horizon.Flow.LongRun;

/// <summary>Trains stories260K on text for many steps and reads the process every so often.</summary>
internal static class SteadyTraining
{
    private const int MicroBatches = 2;

    /// <returns>0 where nothing grew and every lease came back.</returns>
    public static async Task<int> RunAsync(long steps, long settled, int every, double growthPercent, string deviceName, TextWriter output)
    {
        var folder = Path.Combine(AppContext.BaseDirectory, "data", "stories260K-hf");
        var model = ModelFamilies.Define(ModelFolder.ReadConfig(folder));
        var plan = TrainingPlan.For(model, new() { LearningRate = _ => 1e-4, GradientAccumulation = MicroBatches });
        using var store = plan.CreateStore(StorePrecision.Fp32);
        using (var checkpoint = CheckpointFolder.Open(folder)) await StoreLoader.LoadAsync(checkpoint, store.Units).ConfigureAwait(false);
        var data = BatchSource.Open(
            new DataOptions { Path = Path.Combine(AppContext.BaseDirectory, "data", "train.txt"), SequenceLength = 48 }, HuggingFaceTokenizer.Load(folder), model.VocabularySize, batchSize: 2, seed: 1);
        using var device = ComputeDevice.Parse(deviceName);
        TorchSharp.torch.set_num_threads(1); // on tensors this small a second thread would only wait for the first
        var run = plan.Start(store, device);
        var readings = new List<(long Step, ProcessReading Reading)>();
        await output.WriteLineAsync("| step | loss | resident MiB | managed MiB | tensors | files | threads | leases out |").ConfigureAwait(false);
        await output.WriteLineAsync("| --: | --: | --: | --: | --: | --: | --: | --: |").ConfigureAwait(false);
        for (long done = 0; done < steps;)
        {
            var part = Enumerable.Range(0, (int)Math.Min(every, steps - done)).Select(step => Step(data, done + step));
            var loss = 0.0;
            // The whole part has come out before the reading: nothing is under way in the graph.
            await foreach (var step in run.StepsAsync(part, ahead: 1).ConfigureAwait(false)) (done, loss) = (step.Step, step.Loss);
            var reading = ProcessReading.Take();
            readings.Add((done, reading));
            await output.WriteLineAsync(string.Create(
                CultureInfo.InvariantCulture,
                $"| {done:N0} | {loss:F4} | {Mebibytes(reading.Resident):F1} | {Mebibytes(reading.Heap):F1} | {reading.Tensors} | {reading.Files} | {reading.Threads} | {run.Context.Pools.Sum(pool => pool.Outstanding)} |")).ConfigureAwait(false);
        }

        await run.DisposeAsync().ConfigureAwait(false);
        List<string> problems = [.. Grown(readings, settled, growthPercent)];
        if (run.LeasesReclaimed > 0) problems.Add($"{run.LeasesReclaimed} leases had to be taken back");
        foreach (var problem in problems) await output.WriteLineAsync($"FAILED: {problem}").ConfigureAwait(false);
        if (problems.Count == 0) await output.WriteLineAsync("nothing grew, every lease came back").ConfigureAwait(false);
        return problems.Count == 0 ? 0 : 1;
    }

    private static IReadOnlyList<MicroBatch> Step(BatchSource data, long step)
    {
        var all = data.MicroBatchesPerEpoch(0) / MicroBatches;
        var (epoch, place) = ((int)(step / all), (int)(step % all));
        return [.. Enumerable.Range(place * MicroBatches, MicroBatches).Select(index => data.GetMicroBatch(epoch, index))];
    }

    private static IEnumerable<string> Grown(List<(long Step, ProcessReading Reading)> readings, long settled, double growthPercent)
    {
        var (firstStep, first) = readings.Find(reading => reading.Step >= settled);
        var (lastStep, last) = readings[^1];
        if (first is null || lastStep == firstStep) return ["there are no two readings after the run settled; do more steps"];
        var growth = 100.0 * (last.Resident - first.Resident) / first.Resident;
        var problems = new List<string>();
        if (growth > growthPercent) problems.Add(string.Create(CultureInfo.InvariantCulture, $"resident memory grew by {growth:F2} % from step {firstStep} to {lastStep}"));
        // A buffer makes its views when a unit of each kind first lies in it, and timing decides when that is: a few come late.
        if (last.Tensors - first.Tensors > (lastStep - firstStep) / 1000) problems.Add($"{last.Tensors - first.Tensors} more tensors");
        if (last.Files > first.Files) problems.Add($"{last.Files - first.Files} more open files");
        // The thread pool comes and goes by a few.
        if (last.Threads > first.Threads + Environment.ProcessorCount) problems.Add($"{last.Threads - first.Threads} more threads");
        return problems;
    }

    private static double Mebibytes(long bytes) => bytes / 1048576.0;
}

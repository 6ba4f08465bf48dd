using System.Globalization;

namespace Horizon.Flow.Soak;

/// <summary>Trains for many steps and reads the process every so often.</summary>
internal static class SteadyTraining
{
    /// <returns>0 where nothing grew and every lease came back.</returns>
    public static async Task<int> RunAsync(long steps, long settled, int every, double growthPercent, string deviceName, TextWriter output)
    {
        var model = new LongRunModel();
        using var store = await model.CreateStoreAsync().ConfigureAwait(false);
        using var device = LongRunModel.Open(deviceName);
        var run = model.Plan.Start(store, device);
        // A buffer makes its views when a unit of each kind first lies in it, and timing decides when that is: a few come late.
        var readings = new Readings(output, "step", latePerThousand: 1);
        await readings.BeginAsync().ConfigureAwait(false);
        for (long done = 0; done < steps;)
        {
            var part = Enumerable.Range(0, (int)Math.Min(every, steps - done)).Select(step => model.Step(done + step));
            var loss = 0.0;
            // The whole part has come out before the reading: nothing is under way in the graph.
            await foreach (var step in run.StepsAsync(part, ahead: 1).ConfigureAwait(false)) (done, loss) = (step.Step, step.Loss);
            await readings.TakeAsync(done, loss, run.Context.Pools.Sum(pool => pool.Outstanding)).ConfigureAwait(false);
        }

        await run.DisposeAsync().ConfigureAwait(false);
        return await readings.EndAsync(settled, growthPercent, run.LeasesReclaimed > 0 ? [$"{run.LeasesReclaimed} leases had to be taken back"] : []).ConfigureAwait(false);
    }

    /// <summary>Trains twice, the second time while another thread collects garbage and runs finalizers without pause.</summary>
    /// <returns>0 where both runs lost the same losses, to the last bit.</returns>
    public static async Task<int> RunUnderCollectionAsync(long steps, string deviceName, TextWriter output)
    {
        var model = new LongRunModel();
        var quiet = await LossesAsync(model, steps, deviceName).ConfigureAwait(false);
        using var ended = new CancellationTokenSource();
        var collecting = Task.Run(() => CollectUntil(ended.Token));
        var disturbed = await LossesAsync(model, steps, deviceName).ConfigureAwait(false);
        await ended.CancelAsync().ConfigureAwait(false);
        var collections = await collecting.ConfigureAwait(false);
        var differ = quiet.Zip(disturbed).Count(pair => BitConverter.DoubleToInt64Bits(pair.First) != BitConverter.DoubleToInt64Bits(pair.Second));
        await output.WriteLineAsync(string.Create(
            CultureInfo.InvariantCulture,
            $"{steps:N0} steps beside {collections:N0} forced collections with finalizers: {differ} losses differ from those of a quiet run")).ConfigureAwait(false);
        return differ == 0 && collections > 0 ? 0 : 1;
    }

    private static long CollectUntil(CancellationToken ended)
    {
        long collections = 0;
        for (; !ended.IsCancellationRequested; collections++)
        {
            GC.Collect(0);
            GC.WaitForPendingFinalizers();
        }

        return collections;
    }

    private static async Task<List<double>> LossesAsync(LongRunModel model, long steps, string deviceName)
    {
        using var store = await model.CreateStoreAsync().ConfigureAwait(false);
        using var device = LongRunModel.Open(deviceName);
        var run = model.Plan.Start(store, device);
        await using (run.ConfigureAwait(false))
        {
            var losses = new List<double>();
            await foreach (var step in run.StepsAsync(Enumerable.Range(0, (int)steps).Select(step => model.Step(step))).ConfigureAwait(false)) losses.Add(step.Loss);
            return losses;
        }
    }
}

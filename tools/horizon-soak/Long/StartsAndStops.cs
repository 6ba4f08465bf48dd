namespace Horizon.Flow.Soak;

/// <summary>Opens and closes a run, with its store and device, many times over, and reads the process every so often.</summary>
internal static class StartsAndStops
{
    private const int Steps = 2;

    /// <returns>0 where nothing grew and every lease came back.</returns>
    public static async Task<int> RunAsync(long starts, long settled, int every, double growthPercent, string deviceName, TextWriter output)
    {
        var model = new LongRunModel();
        var readings = new Readings(output, "start", latePerThousand: 0);
        await readings.BeginAsync().ConfigureAwait(false);
        var reclaimed = 0;
        for (long start = 1; start <= starts; start++)
        {
            var (loss, leases) = await RunAsync(model, deviceName).ConfigureAwait(false);
            reclaimed += leases;
            if (start % every == 0 || start == starts) await readings.TakeAsync(start, loss, leases).ConfigureAwait(false);
        }

        return await readings.EndAsync(settled, growthPercent, reclaimed > 0 ? [$"{reclaimed} leases had to be taken back"] : []).ConfigureAwait(false);
    }

    private static async Task<(double Loss, int Leases)> RunAsync(LongRunModel model, string deviceName)
    {
        using var store = await model.CreateStoreAsync().ConfigureAwait(false);
        using var device = LongRunModel.Open(deviceName);
        var run = model.Plan.Start(store, device);
        var loss = 0.0;
        await foreach (var step in run.StepsAsync(Enumerable.Range(0, Steps).Select(step => model.Step(step))).ConfigureAwait(false)) loss = step.Loss;
        await run.DisposeAsync().ConfigureAwait(false);
        return (loss, run.LeasesReclaimed + run.Context.Pools.Sum(pool => pool.Outstanding));
    }
}

using System.Diagnostics;
using Horizon.Flow.Devices;

namespace Horizon.Flow.Bench;

/// <summary>Times work on a device's lane from the host: many repetitions are launched, then their fence is awaited.</summary>
internal static class Stopclock
{
    /// <summary>Median seconds of one call.</summary>
    /// <param name="device">The device.</param>
    /// <param name="body">Launches the work once; runs on the lane, in a dispose scope of its own.</param>
    /// <param name="seconds">About how long to measure.</param>
    /// <param name="rounds">Measurements, of which the median counts.</param>
    public static async Task<double> TimeAsync(IComputeDevice device, Action body, double seconds = 0.15, int rounds = 5)
    {
        var once = await RunAsync(device, body, 1);
        once = Math.Min(once, await RunAsync(device, body, 1));
        var repetitions = (int)Math.Clamp(seconds / rounds / Math.Max(once, 1e-7), 1, 1000);
        var times = new List<double>();
        for (var round = 0; round < rounds; round++) times.Add(await RunAsync(device, body, repetitions) / repetitions);
        times.Sort();
        return times[rounds / 2];
    }

    private static async Task<double> RunAsync(IComputeDevice device, Action body, int repetitions)
    {
        var start = Stopwatch.GetTimestamp();
        var fence = await device.Lane.RunAsync(() =>
        {
            for (var i = 0; i < repetitions; i++)
            {
                using var scope = TorchSharp.torch.NewDisposeScope();
                body();
            }

            return device.RecordCompute();
        });
        await fence.WaitAsync();
        return Stopwatch.GetElapsedTime(start).TotalSeconds;
    }
}

using System.Globalization;
using Horizon.Flow.Devices;
using Horizon.Flow.Host.Checkpoints;

namespace Horizon.Flow.Runs.Session;

/// <summary>
/// How many threads an operator has on the CPU: the last bits of a run depend on it, so a checkpoint remembers it and a resumed run keeps it,
/// whatever machine it goes on on.
/// </summary>
internal static class OperatorThreads
{
    private const string Key = "cpu_threads";

    /// <summary>What a checkpoint remembers; empty where the device is not the CPU.</summary>
    public static IEnumerable<KeyValuePair<string, string>> Progress(IComputeDevice device) =>
        device is CpuDevice cpu ? [new(Key, cpu.Threads.ToString(CultureInfo.InvariantCulture))] : [];

    /// <summary>Makes a CPU use the configured number, or else the checkpoint's.</summary>
    /// <param name="device">The device; any other than a CPU is left alone.</param>
    /// <param name="configured">What the user wants.</param>
    /// <param name="resumed">The checkpoint that the run goes on from.</param>
    /// <param name="notice">Is told where the run will not go on with the same bits.</param>
    public static async Task ChooseAsync(IComputeDevice device, int? configured, TrainingCheckpoint? resumed, Action<string> notice)
    {
        if (device is not CpuDevice cpu) return;
        var before = int.TryParse(resumed?.Manifest.Progress.GetValueOrDefault(Key), NumberStyles.None, CultureInfo.InvariantCulture, out var saved) && saved is >= 1 and <= 1024
            ? saved
            : (int?)null;
        if (configured is not null && before is not null && configured != before)
            notice($"training.cpu_threads is {configured}, the run began with {before}: the steps to come will agree with it to rounding, not to the bit");
        if ((configured ?? before) is { } threads) await cpu.UseThreadsAsync(threads).ConfigureAwait(false);
    }
}

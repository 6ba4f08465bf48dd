using System.Globalization;
using Horizon.Flow.Devices;
using Horizon.Flow.Distributed;

namespace Horizon.Flow.Runs.Session;

/// <summary>What a session on several ranks decides together.</summary>
internal static class SessionRanks
{
    /// <summary>The device of a rank: that of its number on its machine, where the configuration does not name one.</summary>
    /// <exception cref="HorizonException">The configuration names one device for all ranks of a machine, or there are too few.</exception>
    public static string DeviceOf(string configured, RankPlace? place)
    {
        if (place is null || configured == "cpu") return configured;
        if (configured is not ("auto" or "cuda"))
        {
            return place.LocalCount == 1 ? configured
                : throw new HorizonException($"device is {configured}, and {place.LocalCount} ranks of this machine cannot share it; set device: cuda, and each takes its own");
        }

        var devices = CudaDevice.Count;
        if (devices == 0) return configured;
        // A launcher may show each rank its own device alone.
        return devices == 1 ? "cuda:0"
            : place.LocalRank < devices ? $"cuda:{place.LocalRank}"
            : throw new HorizonException($"there are {place.LocalCount} ranks on this machine and {devices} GPUs; start one rank a GPU");
    }

    /// <summary>How long a rank waits for the others; null for the usual. Another machine's may begin minutes later: its pod is scheduled and its image fetched first.</summary>
    public static TimeSpan? PatienceOf(RankPlace place) => place.Count > place.LocalCount ? TimeSpan.FromMinutes(10) : null;

    /// <summary>Ends the others with a rank that could not open its session, and says why.</summary>
    public static void EndWith(Exception error, ICollectives? ranks) =>
        ranks?.Abort(error is OperationCanceledException ? "it was asked to stop before the first step" : $"it did not start: {error.Message}");

    /// <summary>Keeps a rank to the cores of its GPU's NUMA node, before anything is allocated.</summary>
    /// <param name="device">From <see cref="DeviceOf"/>.</param>
    /// <param name="place">Null where there is one rank, which needs all of the machine's memory.</param>
    /// <param name="wanted">Whether the configuration wants it.</param>
    /// <returns>A sentence for the user, or null.</returns>
    public static string? Bind(string device, RankPlace? place, bool wanted) =>
        wanted && place is { Count: > 1 } && device.StartsWith("cuda:", StringComparison.Ordinal) && int.TryParse(device.AsSpan(5), NumberStyles.None, CultureInfo.InvariantCulture, out var ordinal)
            ? NumaBinding.Bind(CudaDevice.PciAddressOf(ordinal)) : null;
}

using Horizon.Flow.Devices;
using Horizon.Flow.Distributed;
using Horizon.Flow.Host.Memory;

namespace Horizon.Flow.Runs.Planning;

/// <summary>What there is to plan for.</summary>
/// <param name="Host">Of the machine's memory, for one rank.</param>
/// <param name="Device">Of the device's; null where it computes in the host's.</param>
public sealed record FreeMemory(ByteSize Host, ByteSize? Device)
{
    /// <summary>What is free now.</summary>
    public static FreeMemory Of(IComputeDevice device)
    {
        ArgumentNullException.ThrowIfNull(device);
        return new(new ByteSize(MachineMemory.AvailableBytes()), device.FreeMemoryBytes is { } free ? new ByteSize(free) : null);
    }

    /// <summary>The least that any rank has: all plan for it, since they must choose the same, and a few bytes can decide what becomes of activations.</summary>
    /// <param name="device">This rank's.</param>
    /// <param name="here">Ranks that share this machine.</param>
    /// <param name="ranks">This rank's side; null where there is one.</param>
    internal static async Task<FreeMemory> OfAsync(IComputeDevice device, int here, ICollectives? ranks)
    {
        var free = Of(device);
        var own = free with { Host = new ByteSize(free.Host.Bytes / here) };
        if (ranks is null) return own;
        var all = await ranks.ExchangeNumbersAsync("memory", [own.Host.Bytes, own.Device?.Bytes ?? 0]).ConfigureAwait(false);
        return new(new ByteSize((long)all.Min(one => one[0])), own.Device is null ? null : new ByteSize((long)all.Min(one => one[1])));
    }
}

namespace Horizon.Flow.Devices;

/// <summary>When a device did a piece of work, by its own clock, put beside the host's.</summary>
/// <param name="Start">The beginning, as <see cref="System.Diagnostics.Stopwatch.GetTimestamp"/> counts.</param>
/// <param name="End">The end, likewise.</param>
public readonly record struct DeviceTiming(long Start, long End);

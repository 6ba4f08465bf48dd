namespace Horizon.Flow.Bench;

/// <summary>What was planned for a run, and what it took.</summary>
/// <param name="Description">The planned run in words.</param>
/// <param name="Activations">What becomes of the layers' activations, and why.</param>
/// <param name="PlannedHost">Bytes.</param>
/// <param name="PlannedDevice">Bytes; 0 where the device computes in host memory.</param>
/// <param name="PlannedSeconds">Of a step.</param>
/// <param name="Floor">Seconds of a step at the rates that were planned with.</param>
/// <param name="Rates">Where those come from.</param>
/// <param name="Host">The most bytes that were resident, less what was resident before the run.</param>
/// <param name="Device">The most bytes in use at once, as the device's allocator counts.</param>
/// <param name="Taken">Bytes that the driver gave to this process's run at the most, with what the allocator keeps for later.</param>
/// <param name="Seconds">Of a step, the median after warm-up.</param>
/// <param name="Tokens">Of a step.</param>
internal sealed record Forecast(
    string Description, string Activations, long PlannedHost, long PlannedDevice, double PlannedSeconds, double Floor, string Rates, long Host, long Device, long Taken, double Seconds, double Tokens);

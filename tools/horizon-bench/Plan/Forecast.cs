namespace Horizon.Flow.Bench;

/// <summary>What was planned for a run, and what it took.</summary>
/// <param name="Description">The planned run in words.</param>
/// <param name="Activations">What becomes of the layers' activations, and why.</param>
/// <param name="Free">Bytes of device memory that were planned for; 0 where the device computes in host memory.</param>
/// <param name="Planned">Bytes by place and kind: <c>Device: split blocks</c>.</param>
/// <param name="PlannedHost">Bytes.</param>
/// <param name="PlannedDevice">Bytes; 0 where the device computes in host memory.</param>
/// <param name="PlannedSeconds">Of a step.</param>
/// <param name="Floor">Seconds of a step at the rates that were planned with.</param>
/// <param name="Rates">Where those come from.</param>
/// <param name="Host">The most bytes that were resident.</param>
/// <param name="Parts">What is resident at the end, by the kernel's names of it.</param>
/// <param name="Tensors">The most bytes in use at once, as the device's allocator counts.</param>
/// <param name="Times">Seconds of the steps after warm-up, in their order.</param>
/// <param name="Tokens">Of a step.</param>
internal sealed record Forecast(
    string Description, string Activations, long Free, IReadOnlyDictionary<string, long> Planned, long PlannedHost, long PlannedDevice, double PlannedSeconds, double Floor, string Rates,
    long Host, IReadOnlyDictionary<string, long> Parts, long Tensors, IReadOnlyList<double> Times, double Tokens)
{
    /// <summary>The most bytes that the driver gave to the run's process, its context and libraries counted.</summary>
    public long Taken { get; init; }

    /// <summary>Of a step, the median after warm-up.</summary>
    public double Seconds => Times.Order().ElementAt(Times.Count / 2);
}

namespace Horizon.Flow.Bench;

/// <summary>Seconds of one call.</summary>
/// <param name="Median">Of all calls.</param>
/// <param name="Least">What the machine can do when nothing else runs.</param>
internal readonly record struct Timing(double Median, double Least);

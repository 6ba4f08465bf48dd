namespace Horizon.Flow.Bench;

/// <summary>What the command line asks for.</summary>
internal sealed record BenchSettings(
    long Parameters, IReadOnlyList<int> Threads, double Seconds, IReadOnlyList<string> Optimizers, bool AllPaths, bool Pin, bool Rival, string? Copies, bool Csv);

namespace Horizon.Flow.Graph.Tests;

/// <summary>A message that carries a lease, as training messages do.</summary>
public sealed class Work(long step, int number) : IUnitMessage
{
    public long Step => step;

    public int Number => number;

    public string UnitName => $"unit {number}";

    public long ReadyTimestamp { get; set; }

    public Lease<object>? Lease { get; set; }

    public List<string> Trace { get; } = [];

    public override string ToString() => $"work {number}";
}

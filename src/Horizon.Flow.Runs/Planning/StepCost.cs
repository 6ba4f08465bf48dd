namespace Horizon.Flow.Runs.Planning;

/// <summary>What the steps of a run cost: their work when they are full, and the time of it at this machine's rates.</summary>
/// <param name="Work">The work.</param>
/// <param name="Time">The time.</param>
/// <param name="Rates">The rates.</param>
public sealed record StepCost(StepWork Work, StepTime Time, MachineRates Rates)
{
    /// <summary>Useful operations a second of a step: forward and backward once, for its tokens without padding.</summary>
    public double OperationsPerSecond(double tokens, double seconds) => seconds > 0 ? Work.ModelOperations / Work.Tokens * tokens / seconds : 0;

    /// <summary>Which share of the floor a step reaches, 1 being the floor itself; a step with fewer tokens has a lower floor.</summary>
    public double ShareOfFloor(double tokens, double seconds)
    {
        var floor = Math.Max(Time.Compute * tokens / Work.Tokens, Math.Max(Time.Update, Math.Max(Time.Upload, Time.Download)));
        return seconds > 0 ? floor / seconds : 0;
    }
}

namespace Horizon.Flow.Bench;

/// <summary>What a child process saw, in bytes.</summary>
/// <param name="Parameters">Parameters of the model.</param>
/// <param name="Start">Resident before anything of the run was made.</param>
/// <param name="Load">Peak while the store was made and filled.</param>
/// <param name="FirstStep">Peak during the first step.</param>
/// <param name="LaterSteps">Peak during the other steps.</param>
/// <param name="Export">Peak while the model was written.</param>
/// <param name="Kinds">The plan's lines: what lies there, and how much.</param>
internal sealed record Measured(
    long Parameters, long Start, long Load, long FirstStep, long LaterSteps, long Export, IReadOnlyList<KeyValuePair<string, long>> Kinds)
{
    /// <summary>What the plan predicts.</summary>
    public long Predicted => Kinds.Sum(kind => kind.Value);

    /// <summary>The most at any time.</summary>
    public long Peak => Math.Max(Math.Max(Load, FirstStep), Math.Max(LaterSteps, Export));

    /// <summary>How far the measured peak may lie from the prediction: 3 % and 300 MB.</summary>
    public long Allowance => (long)(0.03 * Predicted) + 300_000_000;

    /// <summary>Whether it lies so near.</summary>
    public bool Holds => Math.Abs(Peak - Predicted) <= Allowance;
}

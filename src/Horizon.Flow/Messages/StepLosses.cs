namespace Horizon.Flow.Messages;

/// <summary>All losses of a step.</summary>
public sealed class StepLosses : StepMessage
{
    /// <summary>Creates the message.</summary>
    /// <param name="step">The step.</param>
    /// <param name="sums">By micro-batch, each the sum over its labelled tokens, in nats.</param>
    public StepLosses(StepInfo step, IReadOnlyList<double> sums)
        : base(step) => Sums = sums;

    /// <summary>By micro-batch, each the sum over its labelled tokens, in nats.</summary>
    public IReadOnlyList<double> Sums { get; }

    /// <summary>The mean over the labelled tokens of the step, in nats; with an objective, over what it counts.</summary>
    public double Mean => Sums.Sum() * Info.LossScale;

    /// <summary>The first micro-batch whose loss is not finite, in words; null where there is none.</summary>
    public string? Bad
    {
        get
        {
            for (var i = 0; i < Sums.Count; i++)
                if (!double.IsFinite(Sums[i])) return $"the loss of {Info.NameOf(i)} is {Sums[i]}";
            return null;
        }
    }
}

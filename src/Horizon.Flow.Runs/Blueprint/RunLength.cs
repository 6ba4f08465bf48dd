using System.Globalization;
using Horizon.Flow.Runs.Sections;

namespace Horizon.Flow.Runs.Blueprint;

/// <summary>
/// How long a run is, and what decides it: it ends at <c>training.max_steps</c> or after <c>training.epochs</c>, whichever is given; where both
/// are, at whichever comes first; where neither is, after one epoch.
/// </summary>
/// <param name="Steps">Optimizer steps.</param>
/// <param name="StepsPerEpoch">Optimizer steps of one pass over the data.</param>
/// <param name="TokensPerEpoch">Tokens of one pass, without padding.</param>
/// <param name="DecidedBy">The key that decides, or that none is given; a few words.</param>
public sealed record RunLength(long Steps, long StepsPerEpoch, long TokensPerEpoch, string DecidedBy)
{
    /// <summary>Passes over the data.</summary>
    public double Epochs => (double)Steps / StepsPerEpoch;

    /// <summary>Tokens, without padding; rounded where the last pass is cut short.</summary>
    public double Tokens => TokensPerEpoch * Epochs;

    /// <summary>The length that the settings give for data of a size.</summary>
    public static RunLength Of(TrainingSection training, long stepsPerEpoch, long tokensPerEpoch)
    {
        ArgumentNullException.ThrowIfNull(training);
        long? most = training.MaxSteps is > 0 and { } steps ? steps : null;
        var epochs = training.Epochs ?? (most is null ? 1 : null as int?);
        long? all = epochs * stepsPerEpoch; // an int times the micro-batches of a list: far below what a long holds
        return all is { } whole && !(most < whole)
            ? new(whole, stepsPerEpoch, tokensPerEpoch, Whole(training, most))
            : new(most!.Value, stepsPerEpoch, tokensPerEpoch, all is null ? "training.max_steps" : string.Create(
                CultureInfo.InvariantCulture, $"training.max_steps, which comes before the {all:N0} steps of training.epochs {epochs}"));
    }

    /// <summary>Steps, epochs and tokens, and what decides; without a full stop.</summary>
    public string Describe()
    {
        var isWhole = Steps % StepsPerEpoch == 0;
        return string.Create(
            CultureInfo.InvariantCulture,
            $"{Count(Steps, "step")}, {Epochs:0.##} {(Steps == StepsPerEpoch ? "epoch" : "epochs")} of {Count(StepsPerEpoch, "step")}, {(isWhole ? "" : "about ")}{Tokens:N0} tokens; decided by {DecidedBy}");
    }

    private static string Whole(TrainingSection training, long? most) =>
        training.Epochs is null ? "the default of one epoch: neither training.max_steps nor training.epochs is given"
        : most is null ? "training.epochs"
        : string.Create(CultureInfo.InvariantCulture, $"training.epochs, which comes before the {most:N0} steps of training.max_steps");

    private static string Count(long count, string what) => string.Create(CultureInfo.InvariantCulture, $"{count:N0} {what}{(count == 1 ? "" : "s")}");
}

using System.Globalization;
using Horizon.Flow.Graph;
using Horizon.Flow.Runs.Planning;

namespace Horizon.Flow.Runs.Reports;

/// <summary>What bound a run, by its measured shares, and what would change that.</summary>
/// <param name="Binds">One of <c>compute</c>, <c>copies</c>, <c>update</c>, <c>input</c>, <c>border</c>.</param>
/// <param name="Share">Of the time, between 0 and 1.</param>
/// <param name="Sentence">The share, what binds, and what to change.</param>
public sealed record RunAdvice(string Binds, double Share, string Sentence)
{
    // A share as large as this is what the others wait for.
    private const double Most = 0.6;

    // Computed again: worth a word from this share of the computing on.
    private const double MuchAgain = 0.15;

    // A step as near to a measured floor as this has nothing to gain.
    private const double NearFloor = 0.85;

    private static readonly string[] Lane =
        [.. new[] { Stages.Forward.Name, Stages.Recompute.Name, Stages.Head.Name, Stages.Score.Name, Stages.Backward.Name, Stages.Logits.Name, Stages.LogProbabilities.Name }];

    /// <summary>Looks at a run.</summary>
    /// <param name="shares">Where each stage's time went.</param>
    /// <param name="cost">What steps were reckoned to cost; null where nobody reckoned.</param>
    /// <param name="shareOfFloor">Which share of the floor its steps reached; null where that is not known.</param>
    /// <returns>Null where nothing stands out, or the run is near a floor whose rates were measured.</returns>
    public static RunAdvice? Of(IReadOnlyDictionary<string, StageShares> shares, StepCost? cost = null, double? shareOfFloor = null)
    {
        ArgumentNullException.ThrowIfNull(shares);
        if (cost?.Rates.IsMeasured == true && shareOfFloor >= NearFloor) return null;
        double Part(string stage, Func<StageShares, TimeSpan> part) => shares.TryGetValue(stage, out var one) && one.Messages > 0 && one.Total > TimeSpan.Zero ? part(one) / one.Total : 0;
        double Busy(string stage) => Part(stage, one => one.Busy);
        // Stages begin at different times; what they did is compared by seconds.
        var whole = shares.Values.Select(one => one.Total).DefaultIfEmpty().Max();
        if (whole <= TimeSpan.Zero) return null;
        double Seconds(string stage) => shares.TryGetValue(stage, out var one) ? one.Busy.TotalSeconds : 0;
        var computing = Lane.Sum(Seconds);

        var update = Math.Max(Busy(Stages.Update.Name), Busy(Stages.Accumulate.Name));
        if (update >= Most)
            return Say("update", update, "the host's update of the parameters binds", "raise training.gradient_accumulation or training.batch_size, so that an update serves more tokens");
        if (cost is not null && Math.Max(cost.Time.Upload, cost.Time.Download) >= Math.Max(cost.Time.Compute, cost.Time.Update))
            return Say("copies", 1, "by the counted bytes the link to the device binds", "raise training.batch_size, so that a copied unit serves more tokens");
        if (computing / whole.TotalSeconds >= Most)
        {
            // By what was reckoned: the stage's time has kept activations in it, too.
            var again = cost is null ? 0 : cost.Work.RecomputedOperations / cost.Work.Operations;
            return Say("compute", computing / whole.TotalSeconds, "computing binds", again >= MuchAgain
                ? string.Create(CultureInfo.InvariantCulture, $"{again:P0} of it is computed again: with a smaller training.batch_size and a larger training.gradient_accumulation more layers keep their activations (pipeline.activations)")
                : "nothing waits for the host; on a GPU training.deterministic: false is faster, else only a faster device");
        }

        var input = Part(Stages.Fetch.Name, one => one.Starved);
        if (input >= Most)
            return Say("input", input, "the graph stood without a step to do", "look at what lies between steps: evaluation.every_steps, checkpoint.every_steps and a slow disk, data that are read too slowly, or rollouts: a server that draws answers and what rewards them");
        var waiting = Part(Stages.Fetch.Name, one => one.Waiting);
        return waiting < Most ? null
            : Say("border", waiting, "units waited for the update of the step before", "raise training.batch_size or training.gradient_accumulation; without clipping (training.max_grad_norm: 0) updates run beside backward");
    }

    private static RunAdvice Say(string binds, double share, string what, string change) =>
        new(binds, share, string.Create(CultureInfo.InvariantCulture, $"{share:P0} of the time {what}: {change}"));
}

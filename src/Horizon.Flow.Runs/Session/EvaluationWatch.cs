using System.Globalization;
using Horizon.Flow.Runs.Sections;

namespace Horizon.Flow.Runs.Session;

/// <summary>Remembers the lowest held-out loss, and when it has not fallen for too long.</summary>
internal sealed class EvaluationWatch(EvaluationSection section)
{
    private int _without;

    /// <summary>The step of the lowest loss; 0 before the first evaluation of a trained model.</summary>
    public long BestStep { get; private set; }

    /// <summary>The lowest loss.</summary>
    public double BestLoss { get; private set; } = double.PositiveInfinity;

    /// <summary>Whether so many evaluations in a row as <c>evaluation.patience</c> says brought no lower loss.</summary>
    public bool IsOver => _without >= section.Patience;

    /// <summary>Takes an evaluation.</summary>
    /// <returns>Whether its loss is the lowest so far.</returns>
    public bool Add(long step, double loss)
    {
        _without = BestLoss - loss > section.MinDelta ? 0 : _without + 1;
        if (!(loss < BestLoss)) return false;
        (BestStep, BestLoss) = (step, loss);
        return true;
    }

    /// <summary>Why the run ends.</summary>
    public string Describe() => string.Create(
        CultureInfo.InvariantCulture,
        $"the held-out loss has not fallen for {_without} {(_without == 1 ? "evaluation" : "evaluations")} (evaluation.patience), so the run ends here; it was lowest after step {BestStep}, {BestLoss:F4}");

    /// <summary>What it remembers, for a run that goes on later.</summary>
    public IReadOnlyDictionary<string, string> Save() => new Dictionary<string, string>
    {
        ["best_step"] = BestStep.ToString(CultureInfo.InvariantCulture),
        ["best_loss"] = BestLoss.ToString("R", CultureInfo.InvariantCulture),
        ["evaluations_without_best"] = _without.ToString(CultureInfo.InvariantCulture),
    };

    /// <summary>Takes up what <see cref="Save"/> gave; without it, it begins anew.</summary>
    public void Restore(IReadOnlyDictionary<string, string> saved)
    {
        if (!long.TryParse(saved.GetValueOrDefault("best_step"), NumberStyles.None, CultureInfo.InvariantCulture, out var step)
            || !double.TryParse(saved.GetValueOrDefault("best_loss"), CultureInfo.InvariantCulture, out var loss)
            || !int.TryParse(saved.GetValueOrDefault("evaluations_without_best"), NumberStyles.None, CultureInfo.InvariantCulture, out var without)) return;
        (BestStep, BestLoss, _without) = (step, loss, without);
    }
}

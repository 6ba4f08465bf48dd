using System.Globalization;

namespace Horizon.Flow.Accounting;

/// <summary>
/// Says which losses are spikes: far above their exponential running mean, in units of their running deviation from it. It only looks;
/// training goes on as it would. One caller at a time, in the order of the steps.
/// </summary>
/// <param name="deviations">How far above the mean a spike lies.</param>
/// <param name="memory">About how many steps the running mean remembers.</param>
public sealed class LossWatch(double deviations, int memory = LossWatch.DefaultMemory)
{
    /// <summary>Steps that the running mean remembers by default.</summary>
    public const int DefaultMemory = 100;

    // Losses that hardly vary must not make a spike of rounding noise.
    private const double LeastDeviation = 1e-3;

    private double _mean;
    private double _variance;
    private long _seen;

    /// <summary>The running mean of the losses so far, in nats.</summary>
    public double Mean => _mean;

    /// <summary>Takes a step's loss.</summary>
    /// <param name="loss">In nats. One that is not finite is no spike and is not remembered: its step was skipped.</param>
    /// <returns>By how many deviations it lies above the mean before it, if it is a spike; null otherwise and for the first steps.</returns>
    public double? Add(double loss)
    {
        if (!double.IsFinite(loss)) return null;
        var deviation = Math.Max(Math.Sqrt(_variance), LeastDeviation * Math.Abs(_mean));
        var distance = (loss - _mean) / deviation;
        var isSpike = _seen >= memory / 4 && distance > deviations;
        // A spike counts as the largest loss that is none: one leaves the mean nearly as it was, a lasting rise is got used to.
        Remember(isSpike ? _mean + (deviations * deviation) : loss);
        return isSpike ? distance : null;
    }

    /// <summary>What it remembers, exactly, as text: for a run that goes on later.</summary>
    public string Save() => string.Create(CultureInfo.InvariantCulture, $"{_seen} {_mean:R} {_variance:R}");

    /// <summary>Takes up what <see cref="Save"/> gave.</summary>
    /// <returns>False, and nothing has changed, where the text is no such thing.</returns>
    public bool TryRestore(string state)
    {
        ArgumentNullException.ThrowIfNull(state);
        if (state.Split(' ') is not [var seen, var mean, var variance]
            || !long.TryParse(seen, NumberStyles.None, CultureInfo.InvariantCulture, out var count)
            || !double.TryParse(mean, CultureInfo.InvariantCulture, out var middle)
            || !double.TryParse(variance, CultureInfo.InvariantCulture, out var square))
            return false;
        (_seen, _mean, _variance) = (count, middle, square);
        return true;
    }

    private void Remember(double loss)
    {
        // The first steps weigh the same; then the oldest fade (Finch 2009, "Incremental calculation of weighted mean and variance").
        var weight = 1.0 / Math.Min(++_seen, memory);
        var difference = loss - _mean;
        _mean += weight * difference;
        _variance = (1 - weight) * (_variance + (weight * difference * difference));
    }
}

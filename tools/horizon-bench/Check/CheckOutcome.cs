namespace Horizon.Flow.Bench;

/// <summary>What a training run gave.</summary>
internal sealed record CheckOutcome(double[] Losses, double[] Norms, float[][] Parameters, int LeasesReclaimed)
{
    public bool IsFinite => Losses.All(double.IsFinite) && Norms.All(double.IsFinite) && Parameters.All(unit => Array.TrueForAll(unit, float.IsFinite));

    /// <summary>Whether every loss, norm and parameter is the same to the last bit.</summary>
    public bool IsBitwise(CheckOutcome other) =>
        Losses.SequenceEqual(other.Losses) && Norms.SequenceEqual(other.Norms)
        && Parameters.Zip(other.Parameters).All(pair => pair.First.AsSpan().SequenceEqual(pair.Second));

    /// <summary>Largest relative differences of losses and norms, and the relative L2 distance of all parameters.</summary>
    public (double Loss, double Norm, double Parameters) ErrorAgainst(CheckOutcome reference) =>
        (Largest(Losses, reference.Losses), Largest(Norms, reference.Norms), Distance(reference));

    public string DifferencesTo(CheckOutcome other)
    {
        var elements = Parameters.Zip(other.Parameters).Sum(pair => pair.First.Zip(pair.Second).Count(two => two.First != two.Second));
        var error = ErrorAgainst(other);
        return FormattableString.Invariant(
            $"{Losses.Zip(other.Losses).Count(two => two.First != two.Second)} losses, {Norms.Zip(other.Norms).Count(two => two.First != two.Second)} norms and {elements} parameters differ; relative {error.Loss:E1}, {error.Norm:E1}, {error.Parameters:E1}");
    }

    private static double Largest(double[] values, double[] reference) =>
        values.Zip(reference).Max(pair => double.IsFinite(pair.First) ? Math.Abs(pair.First - pair.Second) / Math.Abs(pair.Second) : double.PositiveInfinity);

    private double Distance(CheckOutcome reference)
    {
        double difference = 0, norm = 0;
        foreach (var (ours, theirs) in Parameters.Zip(reference.Parameters))
        {
            for (var i = 0; i < ours.Length; i++)
            {
                difference += Math.Pow((double)ours[i] - theirs[i], 2);
                norm += (double)theirs[i] * theirs[i];
            }
        }

        return double.IsFinite(difference) ? Math.Sqrt(difference / norm) : double.PositiveInfinity;
    }
}

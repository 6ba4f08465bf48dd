using System.Collections.Concurrent;
using Horizon.Flow;
using Horizon.Flow.Messages;

namespace Horizon.Examples;

/// <summary>
/// The gradient noise scale (McCandlish et al., arXiv 1812.06162, appendix A): how many labelled tokens a batch may have before more of them
/// no longer help. Of a step's micro-batches, all with as many labelled tokens, come the small gradients; their sum is the large one. Nothing is
/// computed twice: two taps look at what comes down anyway.
/// </summary>
public sealed class GradientNoise
{
    private const int Piece = 1 << 16;
    private readonly ConcurrentDictionary<long, (int MicroBatches, long Tokens)> _steps = [];
    private readonly ConcurrentDictionary<long, double> _small = [];
    private readonly ConcurrentDictionary<long, double> _large = [];
    private readonly Dictionary<(long Step, int Unit, int MicroBatch), float[]> _parts = [];

    /// <summary>What one step says. Single steps are noisy: average each of the two over many steps before dividing.</summary>
    /// <param name="Noise">tr(Σ): the variance of a token's gradient, over all parameters.</param>
    /// <param name="Signal">|G|²: the squared norm of the true gradient.</param>
    public readonly record struct Estimate(double Noise, double Signal);

    // <snippet>
    /// <summary>The plan with both taps.</summary>
    public TrainingPlan Watch(TrainingPlan plan)
    {
        ArgumentNullException.ThrowIfNull(plan);
        return plan
            .At(Stages.Download).TapWaiting("small gradients", Look, TakeSmall)
            .At(Stages.Accumulate).TapWaiting("large gradients", gradient => (gradient.Step, gradient.SumOfSquares!.Value), seen => Add(_large, seen.Step, seen.Value));
    }

    /// <summary>The estimate of a step with two micro-batches or more.</summary>
    public Estimate Of(long step)
    {
        var (microBatches, tokens) = _steps[step];
        // Each micro-batch's share of the mean is 1/n of its own mean gradient, whose square is n² times as large.
        var (small, large) = (_small[step] * microBatches, _large[step]);
        var (few, many) = ((double)tokens / microBatches, (double)tokens);
        return new((small - large) / ((1 / few) - (1 / many)), ((many * large) - (few * small)) / (many - few));
    }
    // </snippet>

    /// <summary>tr(Σ) / |G|² of all steps so far, in labelled tokens.</summary>
    public double Scale
    {
        get
        {
            var all = _steps.Keys.Select(Of).ToList();
            return all.Sum(one => one.Noise) / all.Sum(one => one.Signal);
        }
    }

    // A tied unit gets two gradients of a micro-batch, which have to be added before they are squared.
    private static (HostGradient Gradient, double Squares, float[]? Part) Look(HostGradient gradient)
    {
        if (gradient.Info.Program.GradientsOf(gradient.Visit.Unit) > gradient.Info.MicroBatchCount)
        {
            var part = new float[gradient.View.Count];
            gradient.View.Read(0, part);
            return (gradient, 0, part);
        }

        var (values, squares) = (new float[Math.Min(Piece, gradient.View.Count)], 0.0);
        for (long first = 0; first < gradient.View.Count; first += values.Length)
        {
            var piece = values.AsSpan(0, (int)Math.Min(values.Length, gradient.View.Count - first));
            gradient.View.Read(first, piece);
            squares += Squares(piece);
        }

        return (gradient, squares, null);
    }

    private void TakeSmall((HostGradient Gradient, double Squares, float[]? Part) seen)
    {
        var (gradient, squares, part) = seen;
        _steps[gradient.Step] = (gradient.Info.MicroBatchCount, gradient.Info.LabelledTokens);
        if (part is not null)
        {
            var place = (gradient.Step, gradient.Visit.Unit, gradient.Visit.MicroBatch);
            if (!_parts.Remove(place, out var other))
            {
                _parts.Add(place, part);
                return;
            }

            for (var i = 0; i < part.Length; i++) part[i] += other[i];
            squares = Squares(part);
        }

        Add(_small, gradient.Step, squares);
    }

    private static double Squares(ReadOnlySpan<float> values)
    {
        var sum = 0.0;
        foreach (var value in values) sum += (double)value * value;
        return sum;
    }

    private static void Add(ConcurrentDictionary<long, double> sums, long step, double squares) => sums.AddOrUpdate(step, squares, (_, sum) => sum + squares);
}

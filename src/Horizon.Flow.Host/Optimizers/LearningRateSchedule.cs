namespace Horizon.Flow.Host.Optimizers;

/// <summary>
/// The learning rate as a pure function of the optimizer step n = 1, 2, … T, with warm-up W, peak L and minimum M:
/// <code>
/// n ≤ W       : L n / W
/// otherwise, with x = (n - 1 - W) / (T - W), at most 1:
///   constant  : L
///   linear    : M + (L - M) (1 - x)
///   cosine    : M + (L - M) (1 + cos(π x)) / 2
///   cosine_with_restarts : the same of x = the fraction of C x, and M at the end
///   polynomial: M + (L - M) (1 - x)^P
///   inverse_sqrt : M + (L - M) / √((n - 1 + S - W) / S) with S = W, or 10,000 without a warm-up
///   wsd       : L up to n - 1 = T - D, then M + (L - M) (1 + cos(π y)) / 2 with y = (n - 1 - (T - D)) / D
/// </code>
/// </summary>
/// <remarks>
/// These are <c>get_constant_schedule_with_warmup</c>, <c>get_linear_schedule_with_warmup</c>,
/// <c>get_cosine_with_min_lr_schedule_with_warmup</c>, <c>get_cosine_with_hard_restarts_schedule_with_warmup</c>,
/// <c>get_polynomial_decay_schedule_with_warmup</c>, <c>get_inverse_sqrt_schedule</c> and <c>get_wsd_schedule</c> (its default, cosine, decay) of
/// Hugging Face transformers at their step s = n - 1, except that their warm-up is L s / W, so that their first step has rate 0 and changes
/// nothing, and that theirs starts at M in <c>wsd</c>; that linear, restarts and the inverse root have no minimum there; and that D, the decay of
/// <c>wsd</c>, is a tenth of T here unless given (arXiv 2404.06395, section 4).
/// </remarks>
public sealed class LearningRateSchedule
{
    private const string InverseSquareRoot = "inverse_sqrt";
    private const long TimescaleWithoutWarmup = 10_000;

    private readonly Func<double, double> _shape;
    private readonly long _decayStart;
    private readonly long _decaySteps;

    /// <summary>Creates a schedule.</summary>
    /// <param name="name">One of <see cref="Names"/>.</param>
    /// <param name="learningRate">L.</param>
    /// <param name="totalSteps">T.</param>
    /// <param name="warmupSteps">W; at most T.</param>
    /// <param name="minLearningRate">M; at most L; <c>constant</c> does not use it.</param>
    /// <param name="decaySteps">D of <c>wsd</c>; at most T - W. Null: T / 10 rounded up, but at most T - W.</param>
    /// <param name="cycles">C of <c>cosine_with_restarts</c>: how often it falls.</param>
    /// <param name="power">P of <c>polynomial</c>.</param>
    /// <exception cref="HorizonException">An unknown name, or numbers that do not go together.</exception>
    public LearningRateSchedule(
        string name, double learningRate, long totalSteps, long warmupSteps = 0, double minLearningRate = 0, long? decaySteps = null, int cycles = 1, double power = 1)
    {
        Require(double.IsFinite(learningRate) && learningRate >= 0, $"optimizer.learning_rate is {learningRate}, but must be 0 or more");
        Require(totalSteps >= 1, $"the run has {totalSteps} steps, but needs 1 or more");
        Require(warmupSteps >= 0 && warmupSteps <= totalSteps, $"schedule.warmup_steps is {warmupSteps}, but must be between 0 and the run's {totalSteps} steps");
        Require(minLearningRate >= 0 && minLearningRate <= learningRate, $"schedule.min_learning_rate is {minLearningRate}, but must be between 0 and optimizer.learning_rate, {learningRate}");
        Require(decaySteps is null || (decaySteps >= 0 && decaySteps <= totalSteps - warmupSteps), $"schedule.decay_steps is {decaySteps}, but must be between 0 and the {totalSteps - warmupSteps} steps after the warm-up");
        Require(cycles >= 1, $"schedule.cycles is {cycles}, but must be 1 or more");
        Require(double.IsFinite(power) && power > 0, $"schedule.power is {power}, but must be more than 0");
        (Name, LearningRate, TotalSteps, WarmupSteps, MinLearningRate) = (name, learningRate, totalSteps, warmupSteps, minLearningRate);
        _decaySteps = name == "wsd" ? decaySteps ?? Math.Min((totalSteps + 9) / 10, totalSteps - warmupSteps) : totalSteps - warmupSteps;
        _decayStart = totalSteps - _decaySteps;
        _shape = name switch
        {
            "constant" or InverseSquareRoot => _ => 1,
            "linear" => x => 1 - x,
            "cosine" or "wsd" => Cosine,
            "cosine_with_restarts" => x => x < 1 ? Cosine(cycles * x % 1) : 0,
            "polynomial" => x => Math.Pow(1 - x, power),
            _ => throw new HorizonException($"schedule.name: there is no schedule '{name}'; choose one of {string.Join(", ", Names)}"),
        };
    }

    /// <summary>The names of the schedules.</summary>
    public static IReadOnlyList<string> Names { get; } = ["constant", "linear", "cosine", "cosine_with_restarts", "polynomial", InverseSquareRoot, "wsd"];

    /// <summary>The name of this one.</summary>
    public string Name { get; }

    /// <summary>L, the rate after the warm-up.</summary>
    public double LearningRate { get; }

    /// <summary>T.</summary>
    public long TotalSteps { get; }

    /// <summary>W.</summary>
    public long WarmupSteps { get; }

    /// <summary>M, the rate that the decay ends at.</summary>
    public double MinLearningRate { get; }

    /// <summary>The learning rate of step <paramref name="number"/>, 1 for the first; after T as at the decay's end.</summary>
    public double At(long number)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(number, 1);
        if (number <= WarmupSteps) return LearningRate * number / WarmupSteps;
        if (Name == InverseSquareRoot)
        {
            var timescale = WarmupSteps > 0 ? WarmupSteps : TimescaleWithoutWarmup;
            return MinLearningRate + ((LearningRate - MinLearningRate) / Math.Sqrt((number - 1 + timescale - WarmupSteps) / (double)timescale));
        }

        if (Name == "constant" || number - 1 <= _decayStart) return LearningRate;
        var progress = Math.Min(1, (number - 1 - _decayStart) / (double)Math.Max(1, _decaySteps));
        return MinLearningRate + ((LearningRate - MinLearningRate) * _shape(progress));
    }

    private static double Cosine(double x) => 0.5 * (1 + Math.Cos(Math.PI * x));

    private static void Require(bool holds, FormattableString problem)
    {
        if (!holds) throw new HorizonException(FormattableString.Invariant(problem));
    }
}

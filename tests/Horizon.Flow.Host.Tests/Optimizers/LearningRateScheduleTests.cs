using Horizon.Flow.Host.Optimizers;
using Horizon.Flow.Tests.Shared;

namespace Horizon.Flow.Host.Tests;

public sealed class LearningRateScheduleTests
{
    [Theory]
    [InlineData("constant", 1.0, 1.0, 1.0)]
    [InlineData("linear", 1.0, 0.55, 0.1)]
    [InlineData("cosine", 1.0, 0.55, 0.1)]
    public void At_AfterWarmup_FollowsTheShape(string name, double first, double middle, double pastTheEnd)
    {
        var schedule = new LearningRateSchedule(name, 1, totalSteps: 110, warmupSteps: 10, minLearningRate: 0.1);
        Assert.Equal(0.1, schedule.At(1), 12);
        Assert.Equal(1, schedule.At(10), 12);
        Assert.Equal(first, schedule.At(11), 12);
        Assert.Equal(middle, schedule.At(61), 12);
        Assert.Equal(pastTheEnd, schedule.At(111), 12);
        Assert.Equal(pastTheEnd, schedule.At(1000), 12);
    }

    [Fact]
    public void At_Wsd_HoldsThenDecays()
    {
        var schedule = new LearningRateSchedule("wsd", 1, totalSteps: 100, warmupSteps: 10, decaySteps: 20);
        Assert.All(Enumerable.Range(10, 72), step => Assert.Equal(1, schedule.At(step)));
        Assert.Equal(0.5, schedule.At(91), 12);
        Assert.Equal(0, schedule.At(101), 12);
    }

    [Cases]
    public void At_AnySchedule_StaysWithinItsEndsAndRisesThenFalls(byte which, ushort total, ushort warmup, ushort floor)
    {
        var name = LearningRateSchedule.Names[which % LearningRateSchedule.Names.Count];
        var (steps, rate) = (1 + (total % 500), 3e-4);
        var rise = warmup % (steps + 1);
        var least = rate * floor / ushort.MaxValue;
        var schedule = new LearningRateSchedule(name, rate, steps, rise, least);
        var rates = Enumerable.Range(1, steps + 5).Select(step => schedule.At(step)).ToArray();
        Assert.All(rates[rise..], value => Assert.InRange(value, least, rate));
        Assert.All(rates[..rise], value => Assert.InRange(value, 0, rate));
        for (var i = 1; i < rates.Length; i++)
            Assert.True(i < rise ? rates[i] > rates[i - 1] : i == rise || rates[i] <= rates[i - 1] * (1 + 1e-15));
        if (rise < steps) Assert.Equal(rate, rates[rise]);
        if (rise > 0) Assert.Equal(rate / rise, rates[0], 12);
    }

    /// <summary>The published formulas of transformers' schedulers (optimization.py), each written out for its step n - 1, after the warm-up.</summary>
    [Cases]
    public void At_AfterWarmup_IsTransformersFormula(ushort total, ushort warmup, byte cycles, byte power, ushort floor)
    {
        var (steps, c, p) = (2 + (total % 500), 1 + (cycles % 5), 0.25 + (power / 64.0));
        var rise = warmup % steps;
        const double rate = 3e-4;
        var least = rate * floor / ushort.MaxValue;
        double Progress(long n) => (n - 1.0 - rise) / (steps - rise);
        var timescale = rise > 0 ? rise : 10_000;
        var expected = new Dictionary<string, Func<long, double>>
        {
            ["constant"] = _ => rate,
            ["linear"] = n => rate * Math.Max(0, (steps - (n - 1.0)) / (steps - rise)),
            ["cosine"] = n => rate * Math.Max(0, 0.5 * (1 + Math.Cos(Math.PI * 0.5 * 2 * Progress(n)))),
            ["cosine_with_restarts"] = n => Progress(n) >= 1 ? 0 : rate * Math.Max(0, 0.5 * (1 + Math.Cos(Math.PI * (c * Progress(n) % 1)))),
            ["inverse_sqrt"] = n => rate / Math.Sqrt((n - 1 + (timescale - rise)) / (double)timescale),
        };
        for (long n = rise + 1; n <= steps + 3; n++)
        {
            foreach (var (name, formula) in expected)
                if (name is not ("cosine" or "linear") || n <= steps + 1) Assert.Equal(formula(n), new LearningRateSchedule(name, rate, steps, rise, cycles: c).At(n), 1e-15);
            var polynomial = n - 1 > steps ? least : ((rate - least) * Math.Pow(1 - Progress(n), p)) + least;
            Assert.Equal(polynomial, new LearningRateSchedule("polynomial", rate, steps, rise, least, power: p).At(n), 1e-15);
        }
    }

    [Fact]
    public void Create_BadNumbers_AreNamed()
    {
        Assert.Contains("constant, linear, cosine, cosine_with_restarts, polynomial, inverse_sqrt, wsd", Assert.Throws<HorizonException>(() => new LearningRateSchedule("cos", 1, 10)).Message, StringComparison.Ordinal);
        Assert.Contains("warmup_steps is 11", Assert.Throws<HorizonException>(() => new LearningRateSchedule("cosine", 1, 10, 11)).Message, StringComparison.Ordinal);
        Assert.Contains("min_learning_rate is 2", Assert.Throws<HorizonException>(() => new LearningRateSchedule("cosine", 1, 10, 1, 2)).Message, StringComparison.Ordinal);
        Assert.Contains("learning_rate is NaN", Assert.Throws<HorizonException>(() => new LearningRateSchedule("cosine", double.NaN, 10)).Message, StringComparison.Ordinal);
        Assert.Contains("decay_steps is 10", Assert.Throws<HorizonException>(() => new LearningRateSchedule("wsd", 1, 10, 1, decaySteps: 10)).Message, StringComparison.Ordinal);
    }
}

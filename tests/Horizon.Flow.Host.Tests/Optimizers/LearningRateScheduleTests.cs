using FsCheck.Xunit;
using Horizon.Flow.Host.Optimizers;

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

    [Property]
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
            Assert.True(i < rise ? rates[i] > rates[i - 1] : i == rise || rates[i] <= rates[i - 1]);
        if (rise < steps) Assert.Equal(rate, rates[rise]);
        if (rise > 0) Assert.Equal(rate / rise, rates[0], 12);
    }

    [Fact]
    public void Create_BadNumbers_AreNamed()
    {
        Assert.Contains("constant, linear, cosine, wsd", Assert.Throws<HorizonException>(() => new LearningRateSchedule("cos", 1, 10)).Message, StringComparison.Ordinal);
        Assert.Contains("warmup_steps is 11", Assert.Throws<HorizonException>(() => new LearningRateSchedule("cosine", 1, 10, 11)).Message, StringComparison.Ordinal);
        Assert.Contains("min_learning_rate is 2", Assert.Throws<HorizonException>(() => new LearningRateSchedule("cosine", 1, 10, 1, 2)).Message, StringComparison.Ordinal);
        Assert.Contains("learning_rate is NaN", Assert.Throws<HorizonException>(() => new LearningRateSchedule("cosine", double.NaN, 10)).Message, StringComparison.Ordinal);
        Assert.Contains("decay_steps is 10", Assert.Throws<HorizonException>(() => new LearningRateSchedule("wsd", 1, 10, 1, decaySteps: 10)).Message, StringComparison.Ordinal);
    }
}

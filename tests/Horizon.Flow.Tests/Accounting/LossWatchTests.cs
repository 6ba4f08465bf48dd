using FsCheck;
using Horizon.Flow.Accounting;
using Horizon.Flow.Tests.Shared;

namespace Horizon.Flow.Tests.Accounting;

public class LossWatchTests
{
    /// <summary>Loss falls with noise of a known deviation; one step far above it, anywhere after the first ones, is the only spike.</summary>
    [Cases(100)]
    public void Add_OneLossFarAbove_IsTheOnlySpike(PositiveInt seed, PositiveInt where)
    {
        var random = new System.Random(seed.Get);
        var at = 60 + (where.Get % 300);
        var watch = new LossWatch(deviations: 6);
        for (var step = 0; step < 400; step++)
        {
            // Of 400 sums of twelve uniform numbers none lies six deviations out: that is the largest sum there is.
            var noise = 0.05 * (Enumerable.Range(0, 12).Sum(_ => random.NextDouble()) - 6);
            var usual = 2 + (3 * Math.Exp(-step / 50.0)) + noise;
            var spike = watch.Add(step == at ? usual + 6 : usual);
            Assert.Equal(step == at, spike is not null);
            if (spike is { } distance) Assert.True(distance > 6);
        }
    }

    /// <summary>One that was saved and taken up again anywhere answers as one that went on.</summary>
    [Cases(50)]
    public void Restore_Anywhere_GoesOnToTheLastBit(PositiveInt seed, PositiveInt where)
    {
        var random = new System.Random(seed.Get);
        var (watch, other) = (new LossWatch(2), new LossWatch(2));
        for (var step = 0; step < 200; step++)
        {
            var loss = random.NextDouble() * (random.Next(20) == 0 ? 9 : 1);
            Assert.Equal(watch.Add(loss), other.Add(loss));
            if (step != where.Get % 200) continue;
            var restored = new LossWatch(2);
            Assert.True(restored.TryRestore(other.Save()));
            other = restored;
        }

        Assert.False(other.TryRestore("1 2"));
    }

    [Fact]
    public void Add_ALastingRise_IsGotUsedTo()
    {
        var watch = new LossWatch(6);
        for (var step = 0; step < 100; step++) Assert.Null(watch.Add(2 + (0.01 * (step % 2))));
        Assert.NotNull(watch.Add(4));
        var spikes = Enumerable.Range(0, 500).Count(step => watch.Add(4 + (0.01 * (step % 2))) is not null);
        Assert.InRange(spikes, 1, 200);
        Assert.Equal(4, watch.Mean, 0.05);
    }

    [Fact]
    public void Add_NumbersThatAreNoneOrNeverChange_AreNoSpikes()
    {
        var watch = new LossWatch(3);
        for (var step = 0; step < 50; step++)
        {
            Assert.Null(watch.Add(2));
            Assert.Null(watch.Add(double.NaN));
            Assert.Null(watch.Add(double.PositiveInfinity));
        }

        Assert.Equal(2, watch.Mean);
        Assert.Null(watch.Add(2.001));
    }
}

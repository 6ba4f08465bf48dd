using Horizon.Flow;
using static Horizon.Examples.NoiseAndClipExample;

namespace Horizon.Examples.Tests;

public class NoiseAndClipTests
{
    [Fact]
    public async Task RunAsync_ClipAndNoise_AreWhatTheyShouldBe()
    {
        var shown = await NoiseAndClipExample.RunAsync(TextWriter.Null, steps: 4);
        Assert.True(shown.Private.IsBitwise(shown.Narrow));
        Assert.False(TrainingPlan.For(Tiny.Model, Options).SlabPerUnit); // no stage holds a whole step: updates overlap backward
        var noises = new List<double>();
        foreach (var ((_, step, unit), raw) in shown.Seen.Where(entry => entry.Key.Stage == Stages.Accumulate.Name))
        {
            var scale = Math.Min(1, MaximumNorm / Math.Sqrt(raw.Sum(value => (double)value * value)));
            var clipped = shown.Seen[("clip unit", step, unit)];
            Assert.All(raw.Zip(clipped), pair => Assert.Equal(scale * pair.First, pair.Second, 1e-6 * MaximumNorm));
            noises.AddRange(shown.Seen[("noise", step, unit)].Zip(clipped, (noisy, clean) => (noisy - clean) / (NoiseMultiplier * MaximumNorm)));
        }

        Assert.Equal(4 * shown.Private.Parameters.Sum(unit => unit.Length), noises.Count);
        Assert.Equal(0, noises.Average(), 0.01);
        Assert.Equal(1, noises.Average(noise => noise * noise), 0.01);
        Assert.Equal(0, noises.Zip(noises.Skip(1), (one, next) => one * next).Average(), 0.01);
    }

    [Fact]
    public async Task RunAsync_Sgd_SubtractsExactlyWhatLeftTheNoise()
    {
        var shown = await NoiseAndClipExample.RunAsync(TextWriter.Null, steps: 1);
        using var store = Tiny.CreateStore(TrainingPlan.For(Tiny.Model, Options));
        var before = Outcome.Read(store);
        for (var unit = 0; unit < before.Count; unit++)
            Assert.Equal(before[unit].Zip(shown.Seen[("noise", 1, unit)], (parameter, gradient) => parameter - gradient), shown.Private.Parameters[unit]);
    }
}

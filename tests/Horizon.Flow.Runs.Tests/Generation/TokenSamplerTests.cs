using FsCheck;
using FsCheck.Xunit;
using Horizon.Flow.Runs.Generation;

namespace Horizon.Flow.Runs.Tests.Generation;

public class TokenSamplerTests
{
    [Fact]
    public void Next_Temperature_DrawsByTheSoftmax()
    {
        const int Draws = 200_000;
        float[] logits = [0, 1, 2, float.MinValue];
        var sampler = new TokenSampler(temperature: 2, seed: 5);
        var counts = new int[logits.Length];
        for (var i = 0; i < Draws; i++) counts[sampler.Next(logits)]++;
        var weights = logits.Select(logit => Math.Exp(logit / 2.0)).ToArray();
        // Five standard deviations of a share, at most.
        Assert.All(weights.Zip(counts), pair => Assert.Equal(pair.First / weights.Sum(), pair.Second / (double)Draws, 5 * 0.5 / Math.Sqrt(Draws)));
        Assert.Equal(0, counts[3]);
    }

    [Property]
    public bool Next_Zero_IsTheFirstOfTheLikeliest(NonEmptyArray<int> logits, int seed) =>
        new TokenSampler(0, seed).Next([.. logits.Get.Select(logit => (float)logit)]) == Array.IndexOf(logits.Get, logits.Get.Max());

    [Property]
    public bool Next_TinyTemperature_IsALikeliest(NonEmptyArray<int> logits, int seed) =>
        logits.Get[new TokenSampler(1e-300, seed).Next([.. logits.Get.Select(logit => (float)logit)])] == logits.Get.Max();
}

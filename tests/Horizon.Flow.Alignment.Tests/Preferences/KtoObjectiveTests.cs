using FsCheck.Xunit;
using Horizon.Flow.Alignment.Preferences;
using Horizon.Flow.Testing;
using Horizon.Flow.Tests.Shared;
using Horizon.Flow.Units;
using static TorchSharp.torch;

namespace Horizon.Flow.Alignment.Tests.Preferences;

/// <summary>KTO against its paper's formula on a dense model in fp64.</summary>
[Properties(Arbitrary = [typeof(TrainingCases)])]
public class KtoObjectiveTests
{
    private const double Beta = 0.3;

    [Cases(20)]
    public Task Kto_IsDense(TrainingCase @case)
    {
        IReadOnlyList<MicroBatch>[] steps = [.. Twos.Steps(@case).Select((step, i) => step.Select((batch, j) => Labelled(batch, i + j)).ToList())];
        return Comparison.AssertDenseAsync(
            @case, new KtoObjective { Beta = Beta, DesirableWeight = 1.5, UndesirableWeight = 0.7 }, steps,
            (sums, _, reference, batch) =>
            {
                var examples = sums.Length / 2;
                var z = Math.Max(0, Enumerable.Range(0, examples).Average(i => sums[(2 * i) + 1].item<double>() - reference[(2 * i) + 1]));
                return Enumerable.Range(0, examples).Select(i =>
                {
                    var ratio = sums[2 * i].Minus(reference[2 * i]).Minus(z).Times(Beta);
                    return batch.Columns[KtoObjective.DesirableColumn][i] == 1 ? Sigmoid(ratio).SubtractedFrom(1.0).Times(1.5) : Sigmoid(ratio.neg()).SubtractedFrom(1.0).Times(0.7);
                }).Aggregate((left, right) => left.Plus(right));
            },
            Twos.CountOf);
    }

    /// <summary>Before the first update every log-ratio is 0, so every value is half of its λ.</summary>
    [Fact]
    public async Task Kto_FirstStep_LosesHalf()
    {
        var @case = TrainingCase.Small with { Steps = 1 };
        var (reports, _) = await Comparison.TrainAsync(@case, new KtoObjective(), [[.. Twos.Steps(@case)[0].Select(batch => Labelled(batch, 1))]]);
        Assert.Equal(0.5, reports[0].Loss, 1e-7);
    }

    [Fact]
    public void Count_WithoutItsColumns_IsRefused()
    {
        var batch = new MicroBatch(2, 2, [1, 2, 3, 4], [2, 3, 4, 1], [0, 1, 0, 1]).WithColumn(ReferenceLogProbabilities.Column, [-1, -1, -1, -1]);
        Assert.Contains("no column 'desirable'", Assert.Throws<HorizonException>(() => new KtoObjective().Count(batch)).Message, StringComparison.Ordinal);
        Assert.Contains("another number than 0 and 1", Assert.Throws<HorizonException>(() => new KtoObjective().Count(batch.WithColumn("desirable", [0.5f]))).Message, StringComparison.Ordinal);
        Assert.Equal(1, new KtoObjective().Count(batch.WithColumn("desirable", [1])));
    }

    private static MicroBatch Labelled(MicroBatch batch, int seed) =>
        batch.WithColumn(KtoObjective.DesirableColumn, [.. Enumerable.Range(0, (int)Twos.CountOf(batch)).Select(i => (float)((i + seed) % 2))]);

    private static Tensor Sigmoid(Tensor x) => x.neg().exp().Plus(1.0).reciprocal();
}

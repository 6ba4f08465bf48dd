using Horizon.Flow.Testing;
using Horizon.Flow.Tests.Shared;

namespace Horizon.Flow.Tests.Training;

/// <summary>The graph trains as a dense loop does, and its bounds never change a bit.</summary>
public class StreamedTrainingTests
{
    [Cases(60, Arbitrary = [typeof(TrainingCases)])]
    public async Task Train_AnyShapeAndSettings_EqualsTheDenseLoop(TrainingCase @case)
    {
        var outcome = await @case.TrainAsync();
        using var dense = new DenseTrainer(@case.Model.Config, @case.Model.Parameters(), new DenseOptions { Epsilon = 1e-4, MaxGradNorm = @case.Clip ? 0.5 : null });
        var expected = @case.Batches().Select(dense.Step).ToList();
        Assert.Equal(expected.Count, outcome.Reports.Count);
        foreach (var (wanted, given) in expected.Zip(outcome.Reports))
        {
            Assert.Equal(wanted.Loss, given.Loss, 1e-5 * wanted.Loss);
            Assert.Equal(wanted.GradNorm, given.GradientNorm, 2e-5 * wanted.GradNorm);
        }

        Numbers.AssertClose(dense.Parameters, outcome.Parameters, 1e-5);
    }

    /// <summary>The second run's copies land late, and buffers are NaN until they do.</summary>
    [Cases(40, Arbitrary = [typeof(TrainingCases)])]
    public async Task<bool> Train_OtherCapacitiesPoliciesThreadsIntervalAndTiming_IsBitwiseEqual(TrainingCase @case, bool bf16, FsCheck.PositiveInt seed)
    {
        var tested = @case with { Bf16 = bf16 };
        var first = await tested.TrainAsync();
        var second = await tested.TrainAsync(Capacities.Chosen(seed.Get), recomputeInterval: 1 + (seed.Get % 4), device: () => new JitterDevice(seed.Get));
        return first.IsBitwise(second);
    }
}

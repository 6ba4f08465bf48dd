using Horizon.Flow.Host.Optimizers;
using Horizon.Flow.Host.Store;
using Horizon.Flow.Testing;
using Horizon.Flow.Units;
using static TorchSharp.torch;

namespace Horizon.Examples.Tests;

public class LowRankGradientsTests
{
    private const double LearningRate = 0.1;
    private const double MaximumNorm = 0.5;

    /// <summary>A checkpoint goes on with the same rule alone: what the moments mean depends on it.</summary>
    [Fact]
    public void StateSettings_AreThoseOfTheRuleWithin() => Assert.Equal(
        LowRankGradientsExample.AdamW.StateSettings, new LowRankGradients(LowRankGradientsExample.AdamW, rank: 8, LowRankGradientsExample.IsLayers).StateSettings);

    [Theory]
    [InlineData(StorePrecision.Fp32)]
    [InlineData(StorePrecision.Bf16)]
    public async Task RunAsync_SmallGradients_LearnAndCostLess(StorePrecision precision)
    {
        var shown = await LowRankGradientsExample.RunAsync(TextWriter.Null, steps: 20, precision: precision);
        Assert.True(shown.Small.LastLoss < 0.8 * shown.Small.Reports[0].Loss);
        Assert.True(shown.BytesSmall < 0.6 * shown.BytesWhole);
        Assert.True(shown.StateSmall < 0.75 * shown.StateWhole);
    }

    /// <summary>With momentum one projection for all steps, since moments of another one mean another thing; without, new ones meanwhile.</summary>
    [Theory]
    [InlineData(0.9, 100, 1)]
    [InlineData(0, 2, 1)]
    [InlineData(0, 2, 2)]
    public async Task Plan_SomeSteps_EqualADenseLoopThatProjects(double momentum, int every, int microBatches)
    {
        const int steps = 5;
        var sgd = OptimizerFactory.Create("sgd", new OptimizerOptions { Momentum = momentum, WeightDecay = 0 });
        var rule = new LowRankGradients(sgd, rank: 4, LowRankGradientsExample.IsLayers, every, scale: 0.5);
        var plan = rule.Plan(Tiny.Model, Tiny.Options with { LearningRate = _ => LearningRate, MaxGradientNorm = MaximumNorm, GradientAccumulation = microBatches });
        using var store = Tiny.CreateStore(plan);
        var batches = Tiny.Steps(steps, rows: 8, microBatches: microBatches).ToList();
        var trained = await Outcome.OfAsync(plan, store, batches);

        using var dense = new DenseLoop(learningRate: 0, epsilon: 0, decay: 0, maximumNorm: null);
        var projected = Tiny.Model.Units.SelectMany(unit => unit.Parameters).Where(LowRankGradientsExample.IsLayers).Select(slot => slot.TensorName).ToHashSet();
        var (projections, moments) = (new Dictionary<string, Tensor>(), new Dictionary<string, Tensor>());
        for (var step = 0; step < steps; step++)
        {
            var (loss, gradients) = dense.Differentiate(batches[step]);
            Assert.Equal(loss, trained.Reports[step].Loss, 1e-3);
            // Projections come from the first micro-batch, scaled like the step's sum.
            var first = microBatches == 1 ? gradients : dense.Differentiate([batches[step][0]]).Gradients;
            if (step % every == 0) foreach (var name in projected) projections[name] = Leading(first[name]);
            var small = gradients.ToDictionary(pair => pair.Key, pair =>
                !projections.TryGetValue(pair.Key, out var p) ? pair.Value : IsWide(pair.Value) ? mm(p.t(), pair.Value) : mm(pair.Value, p));
            var norm = Math.Sqrt(small.Values.Sum(gradient => (double)gradient.Squared().sum().item<float>()));
            foreach (var (name, gradient) in small)
            {
                var scaled = gradient.Times(Math.Min(1, MaximumNorm / (norm + 1e-6)));
                var moment = moments[name] = moments.TryGetValue(name, out var before) ? before.Times(momentum).Plus(scaled) : scaled;
                var back = !projections.TryGetValue(name, out var p) ? moment
                    : (IsWide(dense.Parameters[name]) ? mm(p, moment) : mm(moment, p.t())).Times(0.5);
                dense.Parameters[name] = dense.Parameters[name] - back.Times(LearningRate);
            }
        }

        Numbers.AssertClose(dense.Values, DenseParameters.Of(trained.Parameters).ToDictionary(pair => pair.Key, pair => pair.Value.data<float>().ToArray()), 1e-4);
    }

    private static bool IsWide(Tensor matrix) => matrix.shape[0] <= matrix.shape[1];

    // The eigenvectors of the smaller Gram matrix with the largest eigenvalues, in double: the same space, found another way.
    private static Tensor Leading(Tensor gradient)
    {
        var wide = gradient.to(float64);
        var gram = IsWide(gradient) ? mm(wide, wide.t()) : mm(wide.t(), wide);
        var (_, vectors) = linalg.eigh(gram);
        return vectors.narrow(1, vectors.shape[1] - 4, 4).to(float32);
    }
}

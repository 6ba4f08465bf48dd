using Horizon.Flow;
using Horizon.Flow.Models;
using Horizon.Flow.Units;
using static TorchSharp.torch;

namespace Horizon.Examples.Tests;

public class GradientNoiseTests
{
    [Theory]
    [InlineData(2, false)]
    [InlineData(4, false)]
    [InlineData(3, true)]
    public async Task RunAsync_ParametersThatStandStill_GiveTheEstimatesOfADirectComputation(int microBatches, bool tied)
    {
        const int steps = 3;
        var shown = await GradientNoiseExample.RunAsync(TextWriter.Null, steps, microBatches, tied, learningRate: 0);
        var batches = GradientNoiseExample.Batches(steps, microBatches).ToList();
        var config = Tiny.Config with { TiedHead = tied };
        var model = ModelFamilies.Define(config);
        using var store = Tiny.CreateStore(TrainingPlan.For(model, Tiny.Options));
        using var dense = new DenseLoop(0, 0, 0, null, config, DenseParameters.Of(Outcome.Read(store), model));
        for (var step = 0; step < steps; step++)
        {
            using var scope = NewDisposeScope();
            var (few, many) = (batches[step][0].LabelledTokens, batches[step].Sum(batch => batch.LabelledTokens));
            var small = batches[step].Average(batch => Squares(dense.Differentiate([batch]).Gradients));
            var large = Squares(dense.Differentiate(batches[step]).Gradients);
            var signal = ((many * large) - (few * small)) / (many - few);
            var noise = (small - large) / ((1.0 / few) - (1.0 / many));
            var given = shown.Noise.Of(step + 1);
            Assert.Equal(noise, given.Noise, 1e-4 * noise);
            Assert.Equal(signal, given.Signal, 1e-4 * small);
        }
    }

    [Fact]
    public async Task RunAsync_TwoTaps_LeaveTrainingAsItWas()
    {
        var shown = await GradientNoiseExample.RunAsync(TextWriter.Null, steps: 5, microBatches: 2);
        Assert.True(shown.Plain.IsBitwise(shown.Watched));
        Assert.True(shown.Noise.Scale > 0);
    }

    private static double Squares(Dictionary<string, Tensor> gradients) => gradients.Values.Sum(gradient => gradient.to(float64).Squared().sum().item<double>());
}

using Horizon.Flow;
using Horizon.Flow.Host.Optimizers;
using Horizon.Flow.Testing;
using Horizon.Flow.Units;
using static TorchSharp.torch;

namespace Horizon.Examples.Tests;

/// <summary>A step that moves each parameter by its gradient, so that parameters before and after tell what the gradient was.</summary>
internal static class PlainStep
{
    /// <summary>Gradient descent at a learning rate of 1, without momentum and decay.</summary>
    public static TrainingOptions Options { get; } = Tiny.Options with
    {
        Optimizer = OptimizerFactory.Create("sgd", new OptimizerOptions { Momentum = 0, WeightDecay = 0 }),
        LearningRate = _ => 1,
    };

    /// <summary>The step's loss and gradients are those of the dense loss.</summary>
    /// <param name="loss">A scalar over <paramref name="parameters"/>.</param>
    /// <param name="parameters">By name, before the step; leaves of the loss's graph.</param>
    /// <param name="trained">What the step gave.</param>
    /// <param name="tolerance">Of each tensor's gradient.</param>
    /// <param name="model">The tiny model by default.</param>
    public static void AssertDense(Tensor loss, Dictionary<string, Tensor> parameters, Outcome trained, double tolerance, ModelDefinition? model = null)
    {
        loss.backward();
        Assert.Equal(loss.item<float>(), trained.Reports[0].Loss, 1e-5);
        var after = DenseParameters.Of(trained.Parameters, model);
        Numbers.AssertClose(
            parameters.ToDictionary(pair => pair.Key, pair => pair.Value.grad!.data<float>().ToArray()),
            parameters.ToDictionary(pair => pair.Key, pair => (pair.Value.detach() - after[pair.Key]).data<float>().ToArray()),
            tolerance);
    }
}

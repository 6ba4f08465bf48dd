using Horizon.Flow;
using Horizon.Flow.Models;
using Horizon.Flow.Testing;
using Horizon.Flow.Units;
using TorchSharp;
using static TorchSharp.torch;

namespace Horizon.Examples.Tests;

/// <summary>
/// A training loop with the whole autograd graph in memory: mean cross-entropy, clipping by the common norm of what is trained, AdamW by its
/// formula with a count of updates for each parameter.
/// </summary>
internal sealed class DenseLoop(
    double learningRate, double epsilon, double decay, double? maximumNorm, ModelConfig? config = null, Dictionary<string, Tensor>? parameters = null) : IDisposable
{
    private const double Beta1 = 0.9;
    private const double Beta2 = 0.95;
    private readonly DisposeScope _scope = NewDisposeScope();
    private readonly Dictionary<string, (Tensor First, Tensor Second, int Count)> _state = [];

    public Dictionary<string, Tensor> Parameters { get; } = parameters ?? DenseParameters.Of(DenseParameters.Initial());

    public IReadOnlyDictionary<string, float[]> Values => Parameters.ToDictionary(pair => pair.Key, pair => pair.Value.data<float>().ToArray());

    /// <summary>Gradients of the mean loss.</summary>
    public (double Loss, Dictionary<string, Tensor> Gradients) Differentiate(IReadOnlyList<MicroBatch> batches)
    {
        using var grad = enable_grad();
        var leaves = Parameters.ToDictionary(pair => pair.Key, pair => pair.Value.detach().requires_grad_());
        var model = new DenseModel(config ?? Tiny.Config, leaves);
        var sums = batches.Select(batch => model.LossSum(batch.InputIds, batch.Targets, batch.Positions, null, batch.Rows, batch.SequenceLength));
        var loss = stack([.. sums]).sum().Over(batches.Sum(batch => batch.LabelledTokens));
        var names = leaves.Keys.ToList();
        var found = autograd.grad([loss], [.. names.Select(name => leaves[name])]);
        return (loss.item<float>(), names.Zip(found).ToDictionary(pair => pair.First, pair => pair.Second));
    }

    /// <summary>One step for the parameters that are trained.</summary>
    public double Step(IReadOnlyList<MicroBatch> batches, Func<string, bool> isTrained)
    {
        using var scope = NewDisposeScope();
        var (loss, all) = Differentiate(batches);
        var gradients = all.Where(pair => isTrained(pair.Key)).ToDictionary();
        var norm = Math.Sqrt(gradients.Values.Sum(gradient => (double)gradient.Squared().sum().item<float>()));
        var scale = maximumNorm is { } maximum ? Math.Min(1, maximum / (norm + 1e-6)) : 1;
        foreach (var (name, gradient) in gradients) Update(name, gradient.Times(scale));
        return loss;
    }

    public void Dispose() => _scope.Dispose();

    private void Update(string name, Tensor gradient)
    {
        if (!_state.TryGetValue(name, out var state)) state = (zeros_like(gradient), zeros_like(gradient), 0);
        var (count, parameter) = (state.Count + 1, Parameters[name]);
        var first = state.First.Times(Beta1).Plus(gradient.Times(1 - Beta1));
        var second = state.Second.Times(Beta2).Plus(gradient.Squared().Times(1 - Beta2));
        var direction = first.Over(1 - Math.Pow(Beta1, count)) / second.Over(1 - Math.Pow(Beta2, count)).sqrt().Plus(epsilon);
        Parameters[name] = (parameter.Times(1 - (learningRate * decay)) - direction.Times(learningRate)).MoveToOuterDisposeScope();
        _state[name] = (first.MoveToOuterDisposeScope(), second.MoveToOuterDisposeScope(), count);
    }
}

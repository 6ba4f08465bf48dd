using static TorchSharp.torch;

namespace Horizon.Flow.Units;

/// <summary>A written step in its place between two parts of an autograd graph. Owns its tensors.</summary>
internal sealed class RecordedStep : IDisposable
{
    private readonly IWrittenStep _step;
    private readonly Tensor[] _inputs;

    /// <summary>Takes ownership of <paramref name="step"/>.</summary>
    public RecordedStep(IReadOnlyList<Tensor> inputs, IWrittenStep step)
    {
        _step = step;
        // Of its own, so that a parameter among them is an end of the graph and not its beginning, and the unit may dispose the rest.
        _inputs = [.. inputs.Select(input => input.alias().DetachFromDisposeScope())];
        Output = step.Output.detach().requires_grad_().DetachFromDisposeScope();
    }

    /// <summary>A leaf: where the graph begins again.</summary>
    public Tensor Output { get; }

    /// <summary>The inputs that have a gradient, and it; what the step kept is freed.</summary>
    public IReadOnlyList<(Tensor Input, Tensor Gradient)> Backward(Tensor outputGradient)
    {
        var gradients = _step.Backward(outputGradient);
        _step.Dispose();
        return [.. _inputs.Zip(gradients).Where(pair => pair.First.requires_grad && pair.Second is not null).Select(pair => (pair.First, pair.Second!))];
    }

    public void Dispose()
    {
        _step.Dispose();
        Output.Dispose();
        foreach (var input in _inputs) input.Dispose();
    }
}

using Horizon.Flow.Host.Store;
using static TorchSharp.torch;

namespace Horizon.Flow.Units;

/// <summary>A kept tape with the copy of the weights that it refers to.</summary>
internal sealed class OwnWeightsTape(IUnitTape inner, ParameterViews weights, Tensor copy) : IUnitTape
{
    /// <inheritdoc/>
    public Tensor Output => inner.Output;

    /// <inheritdoc/>
    public Tensor? Backward(Tensor outputGradient, ParameterViews? gradients) => inner.Backward(outputGradient, gradients);

    /// <inheritdoc/>
    public IReadOnlyList<GradientRange>? NonzeroOf(UnitLayout gradients) => inner.NonzeroOf(gradients);

    /// <inheritdoc/>
    public void Dispose()
    {
        inner.Dispose();
        weights.Dispose();
        copy.Dispose();
    }
}

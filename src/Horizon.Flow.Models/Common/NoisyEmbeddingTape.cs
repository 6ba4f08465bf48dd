using Horizon.Flow.Units;
using static TorchSharp.torch;

namespace Horizon.Flow.Models.Common;

/// <summary>An embedding's tape whose output has noise: the gradients are those without.</summary>
/// <param name="inner">The tape without noise; goes with this one.</param>
/// <param name="output">Owned by this one.</param>
internal sealed class NoisyEmbeddingTape(IUnitTape inner, Tensor output) : IUnitTape
{
    /// <inheritdoc/>
    public Tensor Output => output;

    /// <inheritdoc/>
    public Tensor? Backward(Tensor outputGradient, ParameterViews? gradients) => inner.Backward(outputGradient, gradients);

    /// <inheritdoc/>
    public void Dispose()
    {
        output.Dispose();
        inner.Dispose();
    }
}

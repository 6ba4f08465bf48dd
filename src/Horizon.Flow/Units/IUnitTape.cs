using static TorchSharp.torch;

namespace Horizon.Flow;

/// <summary>One unit's forward, with what its backward needs. Used once, then disposed.</summary>
public interface IUnitTape : IDisposable
{
    /// <summary>[batch, sequence, hidden], owned by the tape.</summary>
    /// <exception cref="InvalidOperationException">It was recomputed without weights, for backward alone.</exception>
    Tensor Output { get; }

    /// <summary>The gradients of the unit.</summary>
    /// <param name="outputGradient">[batch, sequence, hidden]; owned by the caller.</param>
    /// <param name="gradients">Where the parameters' gradients go: every element is written. Null for a frozen unit.</param>
    /// <returns>The gradient of the input, owned by the caller; null for an embedding.</returns>
    Tensor? Backward(Tensor outputGradient, ParameterViews? gradients);
}

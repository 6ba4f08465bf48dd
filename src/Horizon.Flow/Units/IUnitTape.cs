using Horizon.Flow.Host.Store;
using static TorchSharp.torch;

namespace Horizon.Flow.Units;

/// <summary>One unit's forward, with what its backward needs. Used once, then disposed.</summary>
public interface IUnitTape : IDisposable
{
    /// <summary>[batch, sequence, hidden], owned by the tape.</summary>
    /// <exception cref="InvalidOperationException">It was recomputed without weights, for backward alone.</exception>
    Tensor Output { get; }

    /// <summary>The output, owned by the caller from now on: a kept tape holds no more than backward needs.</summary>
    /// <exception cref="NotSupportedException">The template's tapes are bound to their weights: <see cref="IUnitTemplate.CanBindTapes"/>.</exception>
    Tensor TakeOutput() => throw new NotSupportedException("this tape keeps its output");

    /// <summary>Lets go what is wider than a hidden state and computes it again in backward, with the same bits; the output was taken before. By default nothing goes.</summary>
    void Narrow()
    {
    }

    /// <summary>Binds the tape to the same weights in another device buffer, before its backward.</summary>
    /// <param name="parameters">The unit's weights; null where backward reads none.</param>
    /// <exception cref="NotSupportedException">The template's tapes are bound to their weights: <see cref="IUnitTemplate.CanBindTapes"/>.</exception>
    void Bind(ParameterViews? parameters) => throw new NotSupportedException("this tape cannot be bound to other weights");

    /// <summary>The gradients of the unit.</summary>
    /// <param name="outputGradient">[batch, sequence, hidden]; owned by the caller.</param>
    /// <param name="gradients">Where the parameters' gradients go: every element is written. Null for a frozen unit.</param>
    /// <returns>The gradient of the input, in the caller's dispose scope; null for an embedding.</returns>
    Tensor? Backward(Tensor outputGradient, ParameterViews? gradients);

    /// <summary>What of the unit's gradients may be other than zero, where the host knows without waiting for the device: the rest need not travel.</summary>
    /// <param name="gradients">The layout that <see cref="Backward"/> wrote by.</param>
    /// <returns>Ascending, without overlap, perhaps none; null where all of it may.</returns>
    IReadOnlyList<GradientRange>? NonzeroOf(UnitLayout gradients) => null;
}

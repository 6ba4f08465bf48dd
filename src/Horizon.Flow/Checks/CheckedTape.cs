using Horizon.Flow.Host.Store;
using Horizon.Flow.Units;
using static TorchSharp.torch;

namespace Horizon.Flow.Checks;

/// <summary>Another tape, with its gradients looked at.</summary>
internal sealed class CheckedTape(IUnitTape inner, FiniteNumbers numbers, DeviceBatch batch) : IUnitTape
{
    private const string Pass = "backward";

    /// <inheritdoc/>
    public Tensor Output => inner.Output;

    /// <inheritdoc/>
    public Tensor TakeOutput() => inner.TakeOutput();

    /// <inheritdoc/>
    public void Narrow() => inner.Narrow();

    /// <inheritdoc/>
    public void Bind(ParameterViews? parameters) => inner.Bind(parameters);

    /// <inheritdoc/>
    public Tensor? Backward(Tensor outputGradient, ParameterViews? gradients)
    {
        var inputGradient = inner.Backward(outputGradient, gradients);
        try
        {
            numbers.Check(inputGradient, "the gradient of the input", Pass, batch);
            numbers.CheckGradients(gradients, Pass, batch);
            return inputGradient;
        }
        catch
        {
            inputGradient?.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public IReadOnlyList<GradientRange>? NonzeroOf(UnitLayout gradients) => inner.NonzeroOf(gradients);

    /// <inheritdoc/>
    public void Dispose() => inner.Dispose();
}

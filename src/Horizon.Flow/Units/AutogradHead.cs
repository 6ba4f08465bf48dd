using Horizon.Flow.Host.Store;
using static TorchSharp.torch;

namespace Horizon.Flow.Units;

/// <summary>
/// A head whose gradients are derived by autograd: a loss of your own overrides <see cref="ComputeLossSum"/> and nothing else. The graph that
/// autograd records begins at the hidden states and the head's parameters and ends at the loss.
/// </summary>
/// <remarks>
/// All that the loss computes, logits above all, is there at once; take <see cref="DeviceBatch.LabelledRows"/> first where only labelled tokens
/// count. A head that also generates, or gives log-probabilities, overrides <see cref="Logits"/>.
/// </remarks>
public abstract class AutogradHead : IHeadTemplate
{
    /// <inheritdoc/>
    public HeadResult Differentiate(ParameterViews parameters, ParameterViews? gradients, Tensor hidden, DeviceBatch batch, double lossScale)
    {
        ArgumentNullException.ThrowIfNull(parameters);
        ArgumentNullException.ThrowIfNull(hidden);
        ArgumentNullException.ThrowIfNull(batch);
        using var scope = NewDisposeScope();
        using var tape = new AutogradTape(parameters.AsLeaves(), hidden, batch.Operators.IsDeterministic, (leaves, input, _) => Sum(leaves, input!, batch));
        var inputGradient = tape.Backward(ones_like(tape.Output).Times(lossScale), gradients)!;
        return new HeadResult(tape.Output.detach().MoveToOuterDisposeScope(), inputGradient.MoveToOuterDisposeScope());
    }

    /// <inheritdoc/>
    public Tensor LossSum(ParameterViews parameters, Tensor hidden, DeviceBatch batch)
    {
        ArgumentNullException.ThrowIfNull(parameters);
        ArgumentNullException.ThrowIfNull(hidden);
        ArgumentNullException.ThrowIfNull(batch);
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        return Sum(parameters, hidden, batch).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    /// <exception cref="HorizonException">The head has none.</exception>
    public virtual Tensor Logits(ParameterViews parameters, Tensor hidden) =>
        throw new HorizonException($"{GetType().Name} gives no logits; override {nameof(Logits)} for generation and log-probabilities");

    /// <inheritdoc/>
    /// <remarks>By default an estimate: fp32 outputs of the largest matrix for every token, four times, and its gradient.</remarks>
    public virtual long WorkingBytes(UnitLayout unit, BatchShape batch)
    {
        ArgumentNullException.ThrowIfNull(unit);
        ArgumentNullException.ThrowIfNull(batch);
        var largest = unit.Parameters.Where(slot => slot.Shape.Count == 2).MaxBy(slot => slot.Count);
        return largest is null ? 0 : (4 * largest.Shape[0] * batch.WideTokenBytes) + (largest.Count * sizeof(float));
    }

    /// <summary>
    /// The sum of the losses over the labelled tokens, out of place. Temporaries are disposed by the caller's scope; tensors of the
    /// parameters, the hidden states and the batch must not be disposed or changed here.
    /// </summary>
    /// <param name="parameters">The head's weights.</param>
    /// <param name="hidden">[batch, sequence, hidden].</param>
    /// <param name="batch">Ids, targets and labelled tokens.</param>
    /// <returns>Scalar, fp32 or fp64.</returns>
    protected abstract Tensor ComputeLossSum(ParameterViews parameters, Tensor hidden, DeviceBatch batch);

    private Tensor Sum(ParameterViews parameters, Tensor hidden, DeviceBatch batch)
    {
        var sum = ComputeLossSum(parameters, hidden, batch);
        return sum is not null && sum.numel() == 1 && sum.dtype is ScalarType.Float32 or ScalarType.Float64 ? sum
            : throw new InvalidOperationException($"{GetType().Name}.{nameof(ComputeLossSum)} gave {(sum is null ? "nothing" : $"{sum.dtype} [{string.Join(", ", sum.shape)}]")}, not a scalar of Float32 or Float64");
    }
}

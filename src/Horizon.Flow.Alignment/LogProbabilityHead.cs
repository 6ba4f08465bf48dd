using Horizon.Flow.Host.Store;
using Horizon.Flow.Units;
using static TorchSharp.torch;

namespace Horizon.Flow.Alignment;

// Letters: N labelled tokens.

/// <summary>
/// A head whose loss is a function of the labels' log-probabilities. Minus its derivative by each log-probability is the scale of that token's cross-entropy:
/// with these scales the model's own head gives the gradients.
/// </summary>
internal sealed class LogProbabilityHead(IHeadTemplate plain, LogProbabilityObjective objective) : IHeadTemplate
{
    /// <inheritdoc/>
    public HeadResult Differentiate(ParameterViews parameters, ParameterViews? gradients, Tensor hidden, DeviceBatch batch, double lossScale)
    {
        using var scope = NewDisposeScope();
        using var logProbabilities_N = plain.LogProbabilities(parameters, hidden, batch).detach().requires_grad_();
        ObjectiveLoss loss;
        using (enable_grad()) loss = Checked(objective.Loss(logProbabilities_N, batch));
        if (!loss.Sum.requires_grad) throw new InvalidOperationException($"the loss of {objective.GetType().Name} does not depend on the log-probabilities; compute it from them, without detach()");
        using var noGrad = no_grad();
        var scales_N = autograd.grad([loss.Sum], [logProbabilities_N])[0].to(float32).Times(-lossScale);
        var found = plain.Differentiate(parameters, gradients, hidden, batch, scales_N);
        return new HeadResult(loss.Sum.detach().MoveToOuterDisposeScope(), found.InputGradient.MoveToOuterDisposeScope())
        {
            Numbers = loss.Metrics?.detach().MoveToOuterDisposeScope(),
        };
    }

    /// <inheritdoc/>
    public Tensor LossSum(ParameterViews parameters, Tensor hidden, DeviceBatch batch)
    {
        using var scope = NewDisposeScope();
        return Score(parameters, hidden, batch).LossSum.MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public HeadScore Score(ParameterViews parameters, Tensor hidden, DeviceBatch batch)
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var loss = Checked(objective.Loss(plain.LogProbabilities(parameters, hidden, batch), batch));
        return new HeadScore(loss.Sum.MoveToOuterDisposeScope()) { Numbers = loss.Metrics?.MoveToOuterDisposeScope() };
    }

    /// <inheritdoc/>
    public Tensor LogProbabilities(ParameterViews parameters, Tensor hidden, DeviceBatch batch) => plain.LogProbabilities(parameters, hidden, batch);

    /// <inheritdoc/>
    public Tensor Logits(ParameterViews parameters, Tensor hidden) => plain.Logits(parameters, hidden);

    /// <inheritdoc/>
    /// <remarks>Beside what the model's own head needs: some numbers for each token.</remarks>
    public long WorkingBytes(UnitLayout unit, BatchShape batch)
    {
        ArgumentNullException.ThrowIfNull(batch);
        return plain.WorkingBytes(unit, batch) + (8 * sizeof(double) * batch.Tokens);
    }

    private ObjectiveLoss Checked(ObjectiveLoss loss)
    {
        if (loss.Sum is not { dtype: ScalarType.Float32 or ScalarType.Float64 } || loss.Sum.numel() != 1)
            throw new InvalidOperationException($"{objective.GetType().Name} gave a loss of {loss.Sum?.dtype} [{string.Join(", ", loss.Sum?.shape ?? [])}], not a scalar of Float32 or Float64");
        long[] shape = loss.Metrics?.shape ?? [0, 2];
        return shape.AsSpan().SequenceEqual([objective.MetricNames.Count, 2]) ? loss : throw new InvalidOperationException(
            $"{objective.GetType().Name} gave metrics of shape [{string.Join(", ", shape)}] for {objective.MetricNames.Count} names; give [names, 2], a sum and a count for each");
    }
}

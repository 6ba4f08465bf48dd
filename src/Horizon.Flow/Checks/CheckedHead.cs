using Horizon.Flow.Host.Store;
using Horizon.Flow.Units;
using static TorchSharp.torch;

namespace Horizon.Flow.Checks;

/// <summary>Another head's operators, with every result looked at.</summary>
internal sealed class CheckedHead(IHeadTemplate inner, FiniteNumbers numbers) : IHeadTemplate
{
    private const string Pass = "head";

    /// <inheritdoc/>
    public HeadResult Differentiate(ParameterViews parameters, ParameterViews? gradients, Tensor hidden, DeviceBatch batch, double lossScale) =>
        Checked(inner.Differentiate(parameters, gradients, hidden, batch, lossScale), parameters, gradients, batch);

    /// <inheritdoc/>
    public HeadResult Differentiate(ParameterViews parameters, ParameterViews? gradients, Tensor hidden, DeviceBatch batch, Tensor lossScales) =>
        Checked(inner.Differentiate(parameters, gradients, hidden, batch, lossScales), parameters, gradients, batch);

    /// <inheritdoc/>
    public HeadResult Differentiate(ParameterViews parameters, ParameterViews? gradients, Tensor hidden, DeviceBatch batch, LogitsLoss loss) =>
        Checked(inner.Differentiate(parameters, gradients, hidden, batch, loss), parameters, gradients, batch);

    /// <inheritdoc/>
    public void ForEachLogits(ParameterViews parameters, Tensor hidden, DeviceBatch batch, Action<long, Tensor> look) => inner.ForEachLogits(parameters, hidden, batch, look);

    /// <inheritdoc/>
    public Tensor LossSum(ParameterViews parameters, Tensor hidden, DeviceBatch batch) =>
        numbers.Checked(inner.LossSum(parameters, hidden, batch), "the loss", Pass, batch, parameters);

    /// <inheritdoc/>
    public HeadScore Score(ParameterViews parameters, Tensor hidden, DeviceBatch batch)
    {
        var score = inner.Score(parameters, hidden, batch);
        numbers.Checked(score.LossSum, "the loss", Pass, batch, parameters);
        return score;
    }

    /// <inheritdoc/>
    public Tensor Logits(ParameterViews parameters, Tensor hidden) => inner.Logits(parameters, hidden);

    /// <inheritdoc/>
    public Tensor LogProbabilities(ParameterViews parameters, Tensor hidden, DeviceBatch batch) => inner.LogProbabilities(parameters, hidden, batch);

    /// <inheritdoc/>
    public IReadOnlyList<string> NormRoles => inner.NormRoles;

    /// <inheritdoc/>
    public Tensor Norm(ParameterViews parameters, Tensor rows, DeviceBatch batch) => inner.Norm(parameters, rows, batch);

    /// <inheritdoc/>
    public Tensor DifferentiateNorm(ParameterViews parameters, ParameterViews? gradients, Tensor rows, DeviceBatch batch, Func<Tensor, Tensor> rest) =>
        inner.DifferentiateNorm(parameters, gradients, rows, batch, rest);

    /// <inheritdoc/>
    public long WorkingBytes(UnitLayout unit, BatchShape batch) => inner.WorkingBytes(unit, batch);

    private HeadResult Checked(HeadResult result, ParameterViews parameters, ParameterViews? gradients, DeviceBatch batch)
    {
        try
        {
            numbers.Check(result.LossSum, "the loss", Pass, batch, parameters);
            numbers.Check(result.InputGradient, "the gradient of the input", Pass, batch);
            numbers.CheckGradients(gradients, Pass, batch);
            return result;
        }
        catch
        {
            result.LossSum.Dispose();
            result.InputGradient.Dispose();
            result.Numbers?.Dispose();
            throw;
        }
    }
}

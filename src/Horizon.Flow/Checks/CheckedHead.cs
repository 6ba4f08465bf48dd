using Horizon.Flow.Host.Store;
using Horizon.Flow.Units;
using static TorchSharp.torch;

namespace Horizon.Flow.Checks;

/// <summary>Another head's operators, with every result looked at.</summary>
internal sealed class CheckedHead(IHeadTemplate inner, FiniteNumbers numbers) : IHeadTemplate
{
    private const string Pass = "head";

    /// <inheritdoc/>
    public HeadResult Differentiate(ParameterViews parameters, ParameterViews? gradients, Tensor hidden, DeviceBatch batch, double lossScale)
    {
        var result = inner.Differentiate(parameters, gradients, hidden, batch, lossScale);
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
            throw;
        }
    }

    /// <inheritdoc/>
    public Tensor LossSum(ParameterViews parameters, Tensor hidden, DeviceBatch batch) =>
        numbers.Checked(inner.LossSum(parameters, hidden, batch), "the loss", Pass, batch, parameters);

    /// <inheritdoc/>
    public Tensor Logits(ParameterViews parameters, Tensor hidden) => inner.Logits(parameters, hidden);

    /// <inheritdoc/>
    public Tensor LogProbabilities(ParameterViews parameters, Tensor hidden, DeviceBatch batch) => inner.LogProbabilities(parameters, hidden, batch);

    /// <inheritdoc/>
    public long WorkingBytes(UnitLayout unit, BatchShape batch) => inner.WorkingBytes(unit, batch);
}

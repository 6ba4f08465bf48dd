using Horizon.Flow.Host.Store;
using Horizon.Flow.Units;
using static TorchSharp.torch;

namespace Horizon.Flow.Tests.Training;

/// <summary>A head that says a wrong loss at one visit, while its gradients stay right.</summary>
public sealed class SpoiledHead(IHeadTemplate inner, int visit, double loss) : IHeadTemplate
{
    private int _visits;

    public HeadResult Differentiate(ParameterViews parameters, ParameterViews? gradients, Tensor hidden, DeviceBatch batch, double lossScale)
    {
        var result = inner.Differentiate(parameters, gradients, hidden, batch, lossScale);
        if (_visits++ == visit) result.LossSum.FillInPlace(loss);
        return result;
    }

    public Tensor LossSum(ParameterViews parameters, Tensor hidden, DeviceBatch batch) => inner.LossSum(parameters, hidden, batch);

    public Tensor Logits(ParameterViews parameters, Tensor hidden) => inner.Logits(parameters, hidden);

    public long WorkingBytes(UnitLayout unit, BatchShape batch) => inner.WorkingBytes(unit, batch);
}

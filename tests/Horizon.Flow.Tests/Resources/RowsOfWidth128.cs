using Horizon.Flow.Units;
using static TorchSharp.torch;

namespace Horizon.Flow.Tests.Resources;

/// <summary>Operators with a kernel of attention's backward that is planned for and never run.</summary>
internal sealed class RowsOfWidth128() : OperatorsWrapper(new EagerOperators()), IRowAttention
{
    public override IRowAttention RowAttention => this;

    public bool Takes(long width, ScalarType type) => width == 128 && type == ScalarType.BFloat16;

    public Tensor QueryGradients(Tensor query, Tensor key, Tensor value, Tensor output, Tensor gradient, Tensor sums, double scale) =>
        throw new NotSupportedException("only planned for");
}

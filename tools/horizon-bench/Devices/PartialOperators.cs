using Horizon.Flow.Units;
using static TorchSharp.torch;

namespace Horizon.Flow.Bench;

/// <summary>A device's operators less some, to compare what they are good for.</summary>
/// <param name="inner">The device's.</param>
/// <param name="groups">Whether it multiplies groups of rows; otherwise each expert is a product of its own.</param>
/// <param name="delta">Whether it has kernels of linear attention; otherwise that is libtorch's operators.</param>
/// <param name="rows">Whether it has a kernel of attention's backward over whole rows; otherwise that is flash's where bits repeat.</param>
internal sealed class PartialOperators(IUnitOperators inner, bool groups = true, bool delta = true, bool rows = true) : OperatorsWrapper(inner)
{
    public override IDeltaOperators? Delta => delta ? base.Delta : null;

    public override IRowAttention? RowAttention => rows ? base.RowAttention : null;

    public override bool MultipliesGroups(ScalarType type) => groups && base.MultipliesGroups(type);
}

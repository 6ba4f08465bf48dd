using Horizon.Flow.Units;
using static TorchSharp.torch;

namespace Horizon.Flow.Cli.Tests.Runs;

/// <summary>Operators as an H100 has them for whole rows: planned for and never run.</summary>
internal sealed class KernelOfWholeRows() : OperatorsWrapper(new EagerOperators()), IRowAttention
{
    public override bool AttendsByRow => true;

    public override IRowAttention RowAttention => this;

    public bool Takes(long width, ScalarType type) => width == 128 && type == ScalarType.BFloat16;

    public Tensor QueryGradients(Tensor query, Tensor key, Tensor value, Tensor output, Tensor gradient, Tensor sums, double scale) => throw new NotSupportedException("only planned for");
}

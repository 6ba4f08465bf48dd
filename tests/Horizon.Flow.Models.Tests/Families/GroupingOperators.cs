using Horizon.Flow.Units;
using static TorchSharp.torch;

namespace Horizon.Flow.Models.Tests.Families;

/// <summary>libtorch's operators on the CPU, and what a GPU has besides: products of groups, which the CPU knows, too, expert by expert.</summary>
internal sealed class GroupingOperators() : OperatorsWrapper(new EagerOperators())
{
    public override bool MultipliesGroups(ScalarType type) => true;
}

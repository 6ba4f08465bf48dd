using Horizon.Flow;
using Horizon.Flow.Messages;
using Horizon.Flow.Testing;

namespace Horizon.Examples;

/// <summary>A test of a user's block, as it would stand in any test framework: plain exceptions are failures.</summary>
public static class TestingABlockExample
{
    /// <summary>What the block does, that it is a stage as a graph expects one, and that a run with it is whole.</summary>
    /// <param name="block">Makes the block; the example's own by default.</param>
    public static async Task CheckAsync(Func<Flow.Graph.StageOptions, System.Threading.Tasks.Dataflow.IPropagatorBlock<HostGradient, HostGradient>>? block = null)
    {
        // <snippet>
        block ??= stage => new SignBlock(stage);
        using var bench = new StageBench();
        await StageContract.CheckAsync(
            block,
            new StageContractOptions<HostGradient> { Pools = bench.Pools, Failing = () => bench.HostGradient(unit: 0).Returned() },
            () => bench.HostGradient(unit: 0, index => index - 3),
            () => bench.HostGradient(unit: 1));

        var seen = new List<float>();
        await TrainingContract.CheckAsync(plan => plan
            .At(Stages.Accumulate).InsertAfter("sign", (_, stage) => block(stage))
            .At(Stages.Clip).Tap("look", gradient => gradient.Floats(0, (int)gradient.Layout.ElementCount).ToArray(), seen.AddRange));
        if (seen.Exists(value => value is not (-1 or 0 or 1))) throw new TestingException("a gradient is no sign");
        // </snippet>
    }

    private static HostGradient Returned(this HostGradient gradient)
    {
        gradient.Slab.Dispose();
        return gradient;
    }
}

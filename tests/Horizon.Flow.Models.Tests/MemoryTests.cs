using Horizon.Flow.Testing;
using TorchSharp;
using static TorchSharp.torch;

namespace Horizon.Flow.Models.Tests;

public class MemoryTests
{
    private static readonly ModelCase Model = new(
        Layers: 2, KeyValueHeads: 1, Groups: 2, HeadWidth: 4, Hidden: 8, Intermediate: 12, Vocabulary: 11, Tied: true,
        QueryKeyValueBias: true, OutputBias: true, FeedForwardBias: true, QueryKeyNorm: true, Window: 3, Rope: RopeKind.Llama3,
        PaddingToken: 1, Rows: 2, Sequence: 5, Packed: true, Seed: 7);

    [Fact]
    public void Passes_Repeated_KeepNoTensor()
    {
        var definition = ModelFamilies.Define(Model.Config);
        using var batch = UnitWalk.Batch(Model.Batch());
        var parameters = Model.Parameters();
        var counts = new List<long>();
        for (var pass = 0; pass < 200; pass++)
        {
            using (var walk = new UnitWalk(definition, parameters)) walk.Differentiate(batch, 0.1);
            counts.Add(DisposeScopeManager.Statistics.ThreadTotalLiveCount);
        }

        // After the first pass the batch has its masks and rotary tables.
        Assert.All(counts.Skip(1), count => Assert.Equal(counts[1], count));
    }

    [Fact]
    public void Passes_CallersScope_IsLeftAlone()
    {
        var definition = ModelFamilies.Define(Model.Config);
        using var walk = new UnitWalk(definition, Model.Parameters());
        using var batch = UnitWalk.Batch(Model.Batch());
        using var scope = NewDisposeScope();
        walk.Differentiate(batch, 0.1);
        Assert.Equal(0, scope.DisposablesCount);
    }
}

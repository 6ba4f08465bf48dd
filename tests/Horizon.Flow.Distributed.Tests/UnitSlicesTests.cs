using FsCheck;
using FsCheck.Fluent;
using Horizon.Flow.Host.Optimizers;
using Horizon.Flow.Host.Store;
using Horizon.Flow.Models;
using Horizon.Flow.Testing;
using Horizon.Flow.Tests.Shared;

namespace Horizon.Flow.Distributed.Tests;

public class UnitSlicesTests
{
    public static Arbitrary<SliceCase> Cases() =>
        (from ranks in Gen.Choose(1, 8)
         from counts in Gen.NonEmptyListOf(Gen.Choose(1, 700))
         where counts.Sum() >= 8 * 8
         select new SliceCase(ranks, new UnitLayout("u", "kind", counts.Select((count, i) => ($"role{i}", $"t{i}.weight", new[] { (long)count })), new HashSet<string> { "role0" }))).ToArbitrary();

    [Cases(200, Arbitrary = [typeof(UnitSlicesTests)])]
    public void Slices_OfAllRanks_AreTheUnitOnceInOrder(SliceCase random)
    {
        var (ranks, whole) = random;
        var elements = new List<(string Name, bool IsFixed)>();
        for (var rank = 0; rank < ranks; rank++)
        {
            var slices = new UnitSlices(rank, ranks);
            var slice = slices.Of(whole);
            Assert.Equal(elements.Count, slices.FirstOf(whole));
            Assert.InRange(slice.ElementCount, 1, UnitSlices.SizeOf(whole, ranks));
            Assert.Same(slice, slices.Of(whole));
            foreach (var slot in slice.Parameters) elements.AddRange(Enumerable.Repeat((slot.TensorName, slot.IsFixed), (int)slot.Count));
        }

        Assert.Equal(whole.Parameters.SelectMany(slot => Enumerable.Repeat((slot.TensorName, slot.IsFixed), (int)slot.Count)), elements);
    }

    [Fact]
    public void Slices_OfMoreRanksThanElements_AreRefusedWithTheMend()
    {
        var tiny = new UnitLayout("norm", "norm", [("w", "norm.weight", [5])]);
        var error = Assert.Throws<HorizonException>(() => UnitSlices.SizeOf(tiny, 4));
        Assert.Equal("unit 'norm' has 5 elements, which 4 ranks cannot share; use fewer ranks", error.Message);
    }

    [Fact]
    public void Distribute_WithARuleOfWholeMatrices_IsRefusedByName()
    {
        var model = ModelFamilies.Define(TrainingCase.Small.Model.Config);
        foreach (var name in new[] { "muon", "adafactor" })
        {
            var plan = TrainingPlan.For(model, new() { Optimizer = Blocks.UpdateRules.Create(name) });
            var error = Assert.Throws<HorizonException>(() => plan.Distribute(HostCollectives.CreateLocal(2)[0]));
            Assert.StartsWith($"the update rule '{name}' needs", error.Message, StringComparison.Ordinal);
            Assert.EndsWith("choose adamw, adamw8bit, lion or sgd, or one rank", error.Message, StringComparison.Ordinal);
        }
    }

    /// <summary>Units whose parameters are no multiples of a block: a slice would end within one.</summary>
    [Fact]
    public void Distribute_WhereASliceEndsWithinABlock_IsRefusedFor8Bit()
    {
        var plan = TrainingPlan.For(ModelFamilies.Define(TrainingCase.Small.Model.Config), new() { Optimizer = OptimizerFactory.Create("adamw8bit") });
        var error = Assert.Throws<HorizonException>(() => plan.Distribute(HostCollectives.CreateLocal(2)[0]));
        Assert.Contains("keeps blocks of 256 elements, and a slice of 2 ends within one of", error.Message, StringComparison.Ordinal);
    }

    public sealed record SliceCase(int Ranks, UnitLayout Whole);
}

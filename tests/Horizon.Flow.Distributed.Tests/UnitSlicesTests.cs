using FsCheck;
using FsCheck.Fluent;
using Horizon.Flow.Blocks;
using Horizon.Flow.Host.Store;
using Horizon.Flow.Models;
using Horizon.Flow.Testing;
using Horizon.Flow.Tests.Shared;

namespace Horizon.Flow.Distributed.Tests;

public class UnitSlicesTests
{
    private static readonly string[] Rules = ["adamw", "adamw8bit", "muon", "adafactor"];

    public static Arbitrary<SliceCase> Cases() =>
        (from counts in Gen.NonEmptyListOf(Gen.Choose(1, 700))
         from ranks in Gen.Choose(1, Math.Min(8, counts.Sum())) // fewer elements than ranks may be refused
         from front in Gen.Choose(0, 2)
         from inside in Gen.Choose(2, 6)
         from rule in Gen.Elements(Rules)
         select new SliceCase(ranks, rule, new UnitLayout(
             "u", "kind", counts.Select((count, i) => ($"role{i}", $"t{i}.weight", i % 3 == 0 ? [count] : new[] { 2, (long)count })),
             Enumerable.Range(0, front).Append(inside).Select(i => $"role{i}").ToHashSet()))).ToArbitrary();

    /// <summary>Every element has one owner; what is fixed in front lies in front of each slice; what the rule needs together stays together.</summary>
    [Cases(300, Arbitrary = [typeof(UnitSlicesTests)])]
    public void Slices_OfAllRanks_AreTheUnitOnce(SliceCase random)
    {
        var (ranks, rule, whole) = random;
        var plan = random.Plan();
        var owners = new int[whole.ElementCount];
        for (var rank = 0; rank < ranks; rank++)
        {
            var slices = new UnitSlices(plan, rank, ranks);
            var (slice, pieces) = (slices.Of(whole), slices.PiecesOf(whole));
            Assert.Same(slice, slices.Of(whole));
            Assert.Equal(slice.ElementCount, pieces.Sum(piece => piece.Count));
            Assert.Equal(slice.FixedElements, pieces.Where(piece => piece.First < whole.FixedElements).Sum(piece => piece.Count));
            Assert.Equal(slices.CutOf(whole).Gradient?.Counts[rank] ?? 0, slices.GradientOf(whole).ElementCount);
            foreach (var piece in pieces)
            {
                for (long at = 0; at < piece.Count; at++)
                {
                    owners[piece.First + at]++;
                    var (of, own) = (whole.Parameters.Last(slot => slot.Offset <= piece.First + at), slice.Parameters.Last(slot => slot.Offset <= piece.Place + at));
                    Assert.Equal((of.TensorName, of.IsFixed), (own.TensorName, own.IsFixed));
                }
            }

            foreach (var slot in slices.GradientOf(whole).Parameters)
                Assert.True(slot.Count == Whole(slot).Count || plan.Options.Optimizer.GrainOf(Whole(slot)) is var grain && (grain == 1 || (grain < Whole(slot).Count && IsAtBlocks(slot, grain))), $"{slot}");
        }

        Assert.All(owners, count => Assert.Equal(1, count));

        ParameterSlot Whole(ParameterSlot piece) => whole.Parameters.Single(slot => slot.TensorName == piece.TensorName);

        // All but the last piece of a parameter are whole blocks.
        bool IsAtBlocks(ParameterSlot piece, long grain) => piece.Count % grain == 0 || piece.Count % grain == Whole(piece).Count % grain;
    }

    /// <summary>Whole matrices come in few sizes; over the layers of a model every rank has about as much all the same.</summary>
    [Theory]
    [InlineData(2)]
    [InlineData(4)]
    [InlineData(8)]
    public void Slices_OfWholeMatrices_AreAboutAsLargeOverAllLayers(int ranks)
    {
        var model = ModelFamilies.Define(TrainingCase.Small.Model.Config with { LayerCount = 24, HiddenSize = 64, IntermediateSize = 256, HeadCount = 8, KeyValueHeadCount = 2, HeadDimension = 8, VocabularySize = 512 });
        var plan = TrainingPlan.For(model, new() { Optimizer = UpdateRules.Create("muon") });
        var sizes = Enumerable.Range(0, ranks).Select(rank => new UnitSlices(plan, rank, ranks)).Select(slices => model.Units.Sum(unit => slices.Of(unit).ElementCount)).ToList();
        var largest = model.Units.Skip(1).Max(unit => unit.Parameters.Max(slot => slot.Count));
        Assert.InRange(sizes.Max() - sizes.Min(), 0, 2 * largest);
    }

    [Fact]
    public void Slices_OfMoreRanksThanElements_AreRefusedWithTheMendWhereNothingIsTrained()
    {
        var tiny = new UnitLayout("norm", "norm", [("w", "norm.weight", [3])]);
        var plan = new SliceCase(4, "adamw", tiny).Plan();
        Assert.Equal([1, 1, 1, 0], Enumerable.Range(0, 4).Select(rank => new UnitSlices(plan, rank, 4).Of(tiny).ElementCount).OrderDescending());
        var error = Assert.Throws<HorizonException>(() => new UnitSlices(plan.With(options => options with { IsTrainable = _ => false }), 0, 4));
        Assert.Equal("unit 'norm' has 3 elements, which 4 ranks cannot share; use fewer ranks", error.Message);
    }

    /// <summary>A plan whose gradients are others than the units' own, as with projections of a low rank, is refused before anything is allocated.</summary>
    [Fact]
    public void Distribute_WhereGradientsAreReduced_IsRefused()
    {
        var plan = TrainingCase.Small.Plan().With(options => options with { GradientLayout = unit => new UnitLayout(unit.Name, unit.Kind, [("w", "w", [1L])]) });
        Assert.StartsWith("the plan reduces gradients or units by itself", Assert.Throws<HorizonException>(() => plan.Distribute(HostCollectives.CreateLocal(2)[0])).Message, StringComparison.Ordinal);
    }

    public sealed record SliceCase(int Ranks, string Rule, UnitLayout Whole)
    {
        /// <summary>A model that has the unit beside its own.</summary>
        public TrainingPlan Plan()
        {
            var model = ModelFamilies.Define(TrainingCase.Small.Model.Config);
            return TrainingPlan.For(model with { Units = [.. model.Units, Whole] }, new() { Optimizer = UpdateRules.Create(Rule), IsTrainable = unit => unit != Whole || unit.Trained.ElementCount > 0 });
        }
    }
}

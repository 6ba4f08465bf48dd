using Horizon.Flow.Testing;
using Horizon.Flow.Tests.Shared;

namespace Horizon.Flow.Models.Tests.Families;

/// <summary>What holds of every family at any size.</summary>
public class FamilyPropertyTests
{
    private const int Vocabulary = 13;

    /// <summary>Masks, windows, rotations, learned positions and convolutions keep to a token's own document.</summary>
    [Cases(60, Arbitrary = [typeof(FamilyCase.Cases)])]
    public void Logits_PackedDocuments_EqualEachDocumentAlone(FamilyCase family, FsCheck.PositiveInt first, FsCheck.PositiveInt second)
    {
        var definition = ModelFamilies.Define(family.Config);
        var values = family.Parameters(definition);
        using var walk = new UnitWalk(definition, values);
        using var exact = new UnitWalk(definition, values, TorchSharp.torch.ScalarType.Float64);
        var random = new Random(family.Seed);
        int[] lengths = [1 + (first.Get % 6), 1 + (second.Get % 6)];
        long[][] documents = [.. lengths.Select(length => Enumerable.Range(0, length).Select(_ => (long)random.Next(Vocabulary)).ToArray())];
        long[] places = [.. lengths.SelectMany(length => Enumerable.Range(0, length).Select(place => (long)place))];
        long[] owners = [.. lengths.SelectMany((length, owner) => Enumerable.Repeat((long)owner, length))];

        var packed = Logits(walk, [.. documents.SelectMany(ids => ids)], places, owners);
        var (alone, truth) = (Alone(walk), Alone(exact));
        // As far from fp64 as fp32 is at any place: a random model may be ill-conditioned. What another document gives away is a matter of tenths.
        var rounding = truth.Chunk(Vocabulary).Zip(alone.Chunk(Vocabulary), Numbers.RelativeError).Max();
        var (error, limit) = (Numbers.RelativeError(alone, packed), 1e-5 + (10 * rounding));
        Assert.True(error < limit, $"{error} where {limit} is allowed");

        float[] Alone(UnitWalk one) => [.. documents.SelectMany(ids => Logits(one, ids, [.. ids.Select((_, place) => (long)place)], null))];
    }

    /// <summary>A directional derivative of the loss equals the gradients that the units give, those that are written by hand included.</summary>
    [Cases(20, Arbitrary = [typeof(FamilyCase.SmoothCases)])]
    public void Gradients_AnyFamilyAndShape_GiveTheSlopeOfTheLoss(FamilyCase family)
    {
        var definition = ModelFamilies.Define(family.Config);
        var values = family.Parameters(definition);
        var random = new Random(family.Seed + 1);
        long[] ids = [.. Enumerable.Range(0, 10).Select(_ => (long)random.Next(Vocabulary))];
        long[] targets = [.. ids.Select((_, place) => place % 3 == 0 ? -100L : random.Next(Vocabulary))];
        using var batch = UnitWalk.Batch(new MicroBatch(2, 5, ids, targets, [.. Enumerable.Range(0, 10).Select(place => (long)(place % 5))]));
        using var walk = new UnitWalk(definition, values);
        var (_, gradients) = walk.Differentiate(batch, 1);

        // Along the gradient itself the slope is its norm: no rounding hides it.
        var norm = Numbers.Norm(gradients.Values.SelectMany(value => value));
        double Loss(double step)
        {
            var moved = values.ToDictionary(entry => entry.Key, entry => entry.Value.Zip(gradients[entry.Key], (value, slope) => (float)(value + (step * slope / norm))).ToArray());
            using var there = new UnitWalk(definition, moved);
            return there.Differentiate(batch, 1).LossSum;
        }

        // Small enough for the curve to be straight, large enough for fp32 to see the difference: which it is depends on how much the loss is curved.
        var near = Math.Min(4e-3, 0.02 / norm);
        double Slope(double step) => (Loss(step) - Loss(-step)) / (2 * step);
        double Richardson(double step) => ((4 * Slope(step)) - Slope(2 * step)) / 3;
        var slopes = new[] { near, near / 4, near / 16 }.Select(Richardson).ToList();
        Assert.True(slopes.Exists(slope => Math.Abs(slope - norm) < 1e-2 * norm), $"the gradient's norm is {norm}, the slopes along it {string.Join(", ", slopes)}");
    }

    /// <summary>Layers that recompute have the bits of their forward, and heads and widths of one are no exception.</summary>
    [Cases(60, Arbitrary = [typeof(FamilyCase.Cases)])]
    public void Recompute_AnyFamilyAndShape_HasTheBitsOfForward(FamilyCase family)
    {
        var definition = ModelFamilies.Define(family.Config);
        var random = new Random(family.Seed + 1);
        long[] ids = [.. Enumerable.Range(0, 10).Select(_ => (long)random.Next(Vocabulary))];
        using var batch = UnitWalk.Batch(new MicroBatch(2, 5, ids, ids, [.. Enumerable.Range(0, 10).Select(place => (long)(place % 5))]));
        using var walk = new UnitWalk(definition, family.Parameters(definition));
        walk.Differentiate(batch, 1); // which compares them, unit by unit
    }

    private static float[] Logits(UnitWalk walk, long[] ids, long[] places, long[]? owners)
    {
        using var batch = UnitWalk.Batch(new MicroBatch(1, ids.Length, ids, [.. ids.Select(_ => -100L)], places, owners));
        return walk.Logits(batch);
    }
}

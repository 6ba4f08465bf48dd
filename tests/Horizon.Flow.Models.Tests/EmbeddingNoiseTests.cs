using FsCheck;
using Horizon.Flow.Models.Common;
using Horizon.Flow.Testing;
using Horizon.Flow.Tests.Shared;
using Horizon.Flow.Units;
using static TorchSharp.torch;

namespace Horizon.Flow.Models.Tests;

public class EmbeddingNoiseTests
{
    private const double Alpha = 5;

    /// <summary>Every number is SplitMix64's (Steele et al. 2014) of its place.</summary>
    [Cases(50)]
    public void Even_AnySeedAndPlace_IsSplitMix64(long seed, NonNegativeInt first, PositiveInt count)
    {
        using var scope = NewDisposeScope();
        var given = EmbeddingNoise.Even(seed, first.Get, count.Get % 50, CPU).data<float>().ToArray();
        var expected = Enumerable.Range(first.Get, count.Get % 50).Select(place => (float)((SplitMix64(unchecked((ulong)seed), place) >> 40) / (double)(1 << 23)) - 1).ToArray();
        Assert.Equal(expected, given);
        Assert.All(given, number => Assert.InRange(number, -1f, 0.9999999f));
    }

    [Fact]
    public void Even_ManyNumbers_HaveTheMeanAndVarianceOfTheEvenDistribution()
    {
        using var scope = NewDisposeScope();
        var numbers = EmbeddingNoise.Even(7, 0, 1 << 20, CPU);
        Assert.Equal(0, numbers.mean().item<float>(), 3e-3);
        Assert.Equal(1.0 / 3, numbers.Squared().mean().item<float>(), 3e-3);
    }

    /// <summary>What is added is the even number times alpha / sqrt(tokens of the document * width), the same in recomputation; and nothing without a seed.</summary>
    [Cases(30, Arbitrary = [typeof(ModelCases)])]
    public void Forward_WithASeed_AddsNoiseByDocument(ModelCase model, long seed)
    {
        using var scope = NewDisposeScope();
        var definition = ModelFamilies.Define(model.Config);
        var (plain, noisy) = (definition.Hidden[0].Template, definition.WithEmbeddingNoise(Alpha).Hidden[0].Template);
        var layout = definition.Units[0];
        using var parameters = new ParameterViews(randn([layout.ElementCount], dtype: float32), layout);
        var tokens = model.Batch().WithSeed(seed);
        using var batch = UnitWalk.Batch(tokens);
        using var held = UnitWalk.Batch(model.Batch());
        var expected = plain.Forward(parameters, null, batch).data<float>().ToArray();
        var given = noisy.Forward(parameters, null, batch).data<float>().ToArray();
        var lengths = Lengths(tokens);
        for (var i = 0; i < given.Length; i++)
        {
            var even = ((SplitMix64(unchecked((ulong)seed), i) >> 40) / (double)(1 << 23)) - 1;
            Assert.Equal(expected[i] + (even * Alpha / Math.Sqrt((double)lengths[i / model.Hidden] * model.Hidden)), given[i], 2e-6);
        }

        using var tape = noisy.Recompute(parameters, null, batch);
        Assert.Equal(given, tape.Output.data<float>().ToArray());
        Assert.Equal(expected, noisy.Forward(parameters, null, held).data<float>().ToArray());
        var gradient = randn_like(tape.Output);
        float[] Gradients(IUnitTemplate template)
        {
            var flat = empty([layout.ElementCount], dtype: float32).FillInPlace(float.NaN);
            using var gradients = new ParameterViews(flat, layout);
            using var recomputed = template.Recompute(parameters, null, batch);
            _ = recomputed.Backward(gradient, gradients);
            return flat.data<float>().ToArray();
        }

        Assert.Equal(Gradients(plain), Gradients(noisy));
    }

    private static int[] Lengths(MicroBatch batch)
    {
        var numbers = Enumerable.Range(0, batch.InputIds.Length).Select(place => (Row: place / batch.SequenceLength, Document: batch.Documents?[place] ?? 0)).ToList();
        return [.. numbers.Select(number => numbers.Count(other => other == number))];
    }

    private static ulong SplitMix64(ulong seed, long place)
    {
        var z = unchecked(seed + ((ulong)(place + 1) * 0x9E3779B97F4A7C15));
        z = unchecked((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9);
        z = unchecked((z ^ (z >> 27)) * 0x94D049BB133111EB);
        return z ^ (z >> 31);
    }
}

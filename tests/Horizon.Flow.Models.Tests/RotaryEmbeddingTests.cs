using FsCheck;
using FsCheck.Fluent;
using Horizon.Flow.Models.Common;
using Horizon.Flow.Testing;
using Horizon.Flow.Tests.Shared;

namespace Horizon.Flow.Models.Tests;

public class RotaryEmbeddingTests
{
    [Cases(50)]
    public FsCheck.Property InverseFrequencies_AnySettings_FollowTheFormula() => Prop.ForAll(
        (from kind in Gen.Elements(Enum.GetValues<RopeKind>())
         from theta in Gen.Elements(10.0, 10_000.0, 500_000.0, 1e6)
         from factor in Gen.Elements(1.0, 2.0, 8.0, 32.0)
         from original in Gen.Elements(64, 4096, 8192)
         from half in Gen.Choose(1, 64)
         from truncate in Gen.Elements(true, false)
         select (new RopeConfig
         {
             Kind = kind,
             Theta = theta,
             Factor = factor,
             OriginalMaximumSequenceLength = original,
             Truncate = truncate,
             RotatedFraction = kind == RopeKind.Proportional ? 0.25 : 1,
             ShortFactors = [.. Enumerable.Range(0, half).Select(pair => 1 + (0.1 * pair))],
             LongFactors = [.. Enumerable.Range(0, half).Select(pair => 1 + (0.7 * pair))],
         }, 2 * half)).ToArbitrary(),
        settings =>
        {
            using var actual = new RotaryEmbedding(settings.Item1, settings.Item2).InverseFrequencies();
            var values = actual.data<float>().ToArray();
            for (var pair = 0; pair < values.Length; pair++)
            {
                var expected = DenseModel.Frequency(settings.Item1, pair, settings.Item2);
                Assert.Equal(expected, values[pair], 4e-6 * expected);
            }
        });

    /// <summary>Turned channels by the formula of a plane's rotation, channel by channel; the others are the same bits.</summary>
    [Cases(50)]
    public FsCheck.Property Apply_AnySettings_TurnsPairs() => Prop.ForAll(
        (from interleaved in Gen.Elements(true, false)
         from quarters in Gen.Choose(1, 4)
         from scale in Gen.Elements(1.0, 1.3)
         from kind in Gen.Elements(RopeKind.Default, RopeKind.Dynamic, RopeKind.LongRope)
         from last in Gen.Choose(3, 40)
         select (new RopeConfig
         {
             Theta = 50,
             Kind = kind,
             Factor = 3,
             Interleaved = interleaved,
             RotatedFraction = quarters / 4.0,
             AttentionFactor = scale,
             OriginalMaximumSequenceLength = 16,
             ShortFactors = [.. Enumerable.Range(0, 2 * quarters).Select(pair => 1 + (0.1 * pair))],
             LongFactors = [.. Enumerable.Range(0, 2 * quarters).Select(pair => 1 + (0.7 * pair))],
         }, last)).ToArbitrary(),
        settings =>
        {
            var (rope, last) = settings;
            const int Width = 16;
            var turned = (int)(Width * rope.RotatedFraction);
            long[] positions = [0, 2, last];
            using var scope = TorchSharp.torch.NewDisposeScope();
            using var batch = UnitWalk.Batch(new MicroBatch(1, 3, [0, 0, 0], [0, 0, 0], positions));
            var random = new Random(last);
            float[] x = [.. Enumerable.Range(0, 3 * Width).Select(_ => (float)random.NextDouble())];
            var y = new RotaryEmbedding(rope, Width).Apply(TorchSharp.torch.tensor(x, [1, 3, 1, Width]), batch).data<float>().ToArray();
            for (var place = 0; place < 3; place++)
            {
                float Of(float[] values, int channel) => values[(place * Width) + channel];
                for (var channel = turned; channel < Width; channel++) Assert.Equal(Of(x, channel), Of(y, channel));
                for (var pair = 0; pair < turned / 2; pair++)
                {
                    var (first, second) = rope.Interleaved ? (2 * pair, (2 * pair) + 1) : (pair, pair + (turned / 2));
                    var angle = positions[place] * DenseModel.Frequency(rope, pair, turned, longest: last + 1);
                    var (sine, cosine) = Math.SinCos(angle);
                    Assert.Equal(rope.AttentionFactor * ((Of(x, first) * cosine) - (Of(x, second) * sine)), Of(y, first), 2e-5);
                    Assert.Equal(rope.AttentionFactor * ((Of(x, second) * cosine) + (Of(x, first) * sine)), Of(y, second), 2e-5);
                }
            }
        });

    /// <summary>Tables of some tokens are those of all, to the bit, and nothing of them stays with the batch.</summary>
    [Cases(60, Arbitrary = [typeof(ModelCases)])]
    public void Tables_OfAPiece_AreAPartOfTheWhole(ModelCase model, PositiveInt place, PositiveInt length)
    {
        using var scope = TorchSharp.torch.NewDisposeScope();
        var tokens = model.Rows * model.Sequence;
        var (first, rotary) = (place.Get % tokens, new RotaryEmbedding(model.Config.Rope, model.Config.HeadDimension));
        var count = 1 + (length.Get % (tokens - first));
        using var batch = UnitWalk.Batch(model.Batch());
        rotary.Tables(batch, TorchSharp.torch.ScalarType.BFloat16, first, count); // makes what is kept of the frequencies
        var before = TorchSharp.DisposeScopeManager.Statistics.ThreadTotalLiveCount;
        var (cosine, sine) = rotary.Tables(batch, TorchSharp.torch.ScalarType.BFloat16, first, count);
        Assert.Equal(before + 2, TorchSharp.DisposeScopeManager.Statistics.ThreadTotalLiveCount);
        var (wholeCosine, wholeSine) = rotary.Tables(batch, TorchSharp.torch.ScalarType.BFloat16);
        Assert.True(wholeCosine.narrow(0, first, count).eq(cosine).all().item<bool>() && wholeSine.narrow(0, first, count).eq(sine).all().item<bool>());
    }
}

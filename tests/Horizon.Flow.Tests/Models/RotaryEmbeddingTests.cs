using FsCheck.Fluent;
using FsCheck.Xunit;
using Horizon.Flow.Models;
using Horizon.Flow.Models.Common;
using Horizon.Flow.Testing;

namespace Horizon.Flow.Tests.Models;

public class RotaryEmbeddingTests
{
    [Property(MaxTest = 50)]
    public FsCheck.Property InverseFrequencies_AnySettings_FollowTheFormula() => Prop.ForAll(
        (from kind in Gen.Elements(RopeKind.Default, RopeKind.Linear, RopeKind.Llama3)
         from theta in Gen.Elements(10.0, 10_000.0, 500_000.0, 1e6)
         from factor in Gen.Elements(1.0, 2.0, 8.0, 32.0)
         from original in Gen.Elements(64, 4096, 8192)
         from half in Gen.Choose(1, 64)
         select (new RopeConfig { Kind = kind, Theta = theta, Factor = factor, OriginalMaximumSequenceLength = original }, 2 * half)).ToArbitrary(),
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
}

using FsCheck;
using FsCheck.Fluent;
using Horizon.Flow.Models;

namespace Horizon.Flow.Testing;

/// <summary>Random <see cref="ModelCase"/>s: <c>[Property(Arbitrary = [typeof(ModelCases)])]</c>.</summary>
public static class ModelCases
{
    /// <summary>One to three layers, grouped heads, every flag of the families.</summary>
    public static Arbitrary<ModelCase> Cases() =>
        (from layers in Gen.Choose(1, 3)
         from keyValueHeads in Gen.Choose(1, 3)
         from groups in Gen.Choose(1, 3)
         from headWidth in Gen.Choose(2, 6)
         from hidden in Gen.Choose(8, 24)
         from intermediate in Gen.Choose(3, 32)
         from vocabulary in Gen.Choose(5, 40)
         from flags in Gen.ArrayOf(Gen.Elements(true, false), 6)
         from window in Gen.Frequency((2, Gen.Constant((int?)null)), (1, Gen.Choose(1, 8).Select(size => (int?)size)))
         from rope in Gen.Elements(RopeKind.Default, RopeKind.Linear, RopeKind.Llama3)
         from padding in Gen.Frequency((2, Gen.Constant((int?)null)), (1, Gen.Choose(0, 4).Select(token => (int?)token)))
         from rows in Gen.Choose(1, 3)
         from sequence in Gen.Choose(1, 16)
         from seed in Gen.Choose(0, int.MaxValue)
         select new ModelCase(
             layers, keyValueHeads, groups, 2 * headWidth, hidden, intermediate, vocabulary,
             flags[0], flags[1], flags[2], flags[3], flags[4], window, rope, padding, rows, sequence, flags[5], seed)).ToArbitrary();
}

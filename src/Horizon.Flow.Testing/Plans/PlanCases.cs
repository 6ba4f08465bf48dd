using FsCheck;
using FsCheck.Fluent;

namespace Horizon.Flow.Testing;

/// <summary>Random <see cref="PlanCase"/>s: <c>[Property(Arbitrary = [typeof(PlanCases)])]</c>.</summary>
public static class PlanCases
{
    private const int Size = 50;

    /// <summary>One to three stages on any edges.</summary>
    public static Arbitrary<PlanCase> Plans() =>
        (from training in TrainingCases.Training().Generator
         from count in Gen.Choose(1, 3)
         from stages in Gen.ArrayOf(Stage, count)
         select new PlanCase(training, stages)).ToArbitrary();

    /// <summary>So many of them; the same for the same seed.</summary>
    public static IReadOnlyList<PlanCase> Sample(int count, ulong seed) => [.. Plans().Generator.Sample(count, new Rnd(seed, 1), Size)];

    private static Gen<UserStage> Stage =>
        from edge in Gen.Choose(0, 1000)
        from does in Gen.Elements(Enum.GetValues<Misbehaviour>().AsEnumerable())
        from at in Gen.Choose(1, 12)
        from onLane in Gen.Elements(true, false)
        select new UserStage(edge, does, at, onLane);
}

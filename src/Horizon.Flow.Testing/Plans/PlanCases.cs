using FsCheck;
using FsCheck.Fluent;

namespace Horizon.Flow.Testing;

/// <summary>Random <see cref="PlanCase"/>s: <c>[Property(Arbitrary = [typeof(PlanCases)])]</c>.</summary>
public static class PlanCases
{
    /// <summary>One to three stages on any edges.</summary>
    public static Arbitrary<PlanCase> Plans() =>
        (from training in TrainingCases.Training().Generator
         from count in Gen.Choose(1, 3)
         from stages in Gen.ArrayOf(Stage, count)
         select new PlanCase(training, stages)).ToArbitrary();

    private static Gen<UserStage> Stage =>
        from edge in Gen.Choose(0, 1000)
        from does in Gen.Elements(Enum.GetValues<Misbehaviour>().AsEnumerable())
        from at in Gen.Choose(1, 12)
        from onLane in Gen.Elements(true, false)
        select new UserStage(edge, does, at, onLane);
}

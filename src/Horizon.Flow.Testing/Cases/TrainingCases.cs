using FsCheck;
using FsCheck.Fluent;

namespace Horizon.Flow.Testing;

/// <summary>Random <see cref="TrainingCase"/>s in fp32: <c>[Property(Arbitrary = [typeof(TrainingCases)])]</c>.</summary>
public static class TrainingCases
{
    /// <summary>One to three steps of one to three micro-batches.</summary>
    public static Arbitrary<TrainingCase> Training() =>
        (from model in ModelCases.Cases().Generator
         from steps in Gen.Choose(1, 3)
         from microBatches in Gen.Choose(1, 3)
         from clip in Gen.Elements(true, false)
         from interval in Gen.Choose(1, 4)
         from capacities in Capacities.Any
         select new TrainingCase(model, steps, microBatches, clip, interval, false, capacities)).ToArbitrary();
}

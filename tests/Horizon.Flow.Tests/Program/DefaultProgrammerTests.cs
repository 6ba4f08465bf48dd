using Horizon.Flow.Activations;
using Horizon.Flow.Models;
using Horizon.Flow.Program;
using Horizon.Flow.Resources;
using Horizon.Flow.Testing;
using Horizon.Flow.Tests.Shared;

namespace Horizon.Flow.Tests.Program;

/// <summary>What the default programs promise, for all models, policies and intervals.</summary>
public class DefaultProgrammerTests
{
    [Cases(100, Arbitrary = [typeof(TrainingCases)])]
    public void ProgramFor_Training_IsValidAndVisitsEachUnitAsOftenAsPromised(TrainingCase @case)
    {
        var plan = TrainingPlan.For(ModelFamilies.Define(@case.Model.Config), @case.Options());
        var program = plan.CreateProgrammer().ProgramFor(new StepRequest(1, StepPurpose.Train, @case.MicroBatches));
        Assert.Empty(plan.Validate(program, @case.MicroBatches));
        Assert.Equal(@case.MicroBatches, program.Losses);
        for (var unit = 0; unit < plan.Model.Units.Count; unit++)
        {
            var visits = program.Visits.Where(visit => visit.Unit == unit).ToList();
            var bound = plan.Model.Hidden.Count(binding => binding.Unit == unit) + (plan.Model.Head.Unit == unit ? 1 : 0);
            Assert.Equal(bound * @case.MicroBatches, program.GradientsOf(unit));
            Assert.InRange(visits.Count(visit => visit.Loads), @case.MicroBatches, 2 * bound * @case.MicroBatches);
            Assert.InRange(visits.Count(visit => visit.Op is Ops.Forward or Ops.Recompute), 0, 2 * @case.MicroBatches * plan.Model.Hidden.Count(binding => binding.Unit == unit));
        }
    }

    /// <summary>As many weights live together as the longest segment has layers, no more, and one buffer less is refused with the visit named.</summary>
    [Cases(60, Arbitrary = [typeof(TrainingCases)])]
    public void Validate_WeightBuffers_AreEnoughExactlyFromTheLongestSegmentOn(TrainingCase @case)
    {
        var plan = TrainingPlan.For(ModelFamilies.Define(@case.Model.Config), @case.Options());
        var longest = ActivationTable.Of(plan).Segments.Max(segment => segment.Count);
        IReadOnlyList<Horizon.Flow.Graph.PlanProblem> With(int buffers) =>
            plan.With(options => options with { Pipeline = options.Pipeline with { DeviceBuffers = buffers } }).Validate();
        Assert.Empty(With(longest));
        if (longest == 1) return;
        Assert.Contains($"{longest} leases of '{PoolNames.DeviceWeights}' are out at once, the pool has {longest - 1}", With(longest - 1)[0].ToString(), StringComparison.Ordinal);
    }

    [Cases(40, Arbitrary = [typeof(TrainingCases)])]
    public void Renewed_OfABuiltProgram_IsTheSame(TrainingCase @case)
    {
        var plan = TrainingPlan.For(ModelFamilies.Define(@case.Model.Config), @case.Options());
        var program = plan.CreateProgrammer().ProgramFor(new StepRequest(1, StepPurpose.Train, @case.MicroBatches));
        Assert.Equal(program.ToString(), program.Renewed().ToString());
    }
}

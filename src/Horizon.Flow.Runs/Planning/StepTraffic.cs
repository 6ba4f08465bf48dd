using Horizon.Flow.Distributed;
using Horizon.Flow.Host.Memory;
using Horizon.Flow.Host.Store;
using Horizon.Flow.Program;

namespace Horizon.Flow.Runs.Planning;

/// <summary>What a step moves, counted in its program: with the machine's rates, the least time that it takes beside its computation.</summary>
/// <param name="UpBytes">From host memory to the device, of one rank.</param>
/// <param name="DownBytes">Back, of one rank.</param>
/// <param name="BetweenBytes">What a rank's device gets from those of the others; 0 where there are none.</param>
/// <param name="Updated">Parameters that a rank's host updates.</param>
public sealed record StepTraffic(long UpBytes, long DownBytes, long BetweenBytes, long Updated)
{
    /// <summary>Counts it.</summary>
    /// <param name="plan">One rank's plan.</param>
    /// <param name="precision">How the store keeps parameters.</param>
    /// <param name="ranks">How many ranks there are.</param>
    public static StepTraffic Of(TrainingPlan plan, StorePrecision precision, int ranks = 1)
    {
        ArgumentNullException.ThrowIfNull(plan);
        var program = plan.CreateProgrammer().ProgramFor(new StepRequest(1, StepPurpose.Train, plan.Options.GradientAccumulation));
        var element = precision == StorePrecision.Fp32 ? sizeof(float) : ElementType.BFloat16.ByteSize();
        long Stored(int unit) => plan.Options.StoreLayout(plan.Model.Units[unit]).ElementCount;
        var slices = new UnitSlices(plan, 0, ranks);
        // All of the others' parts of a unit; and of a gradient all that the others have of one's own.
        long Moved(ProgramVisit visit)
        {
            var (whole, cut) = (plan.Model.Units[visit.Unit], slices.CutOf(plan.Model.Units[visit.Unit]));
            return visit.GivesGradient ? (cut.Gradient?.Counts[0] ?? 0) * (ranks - 1) : whole.ElementCount - cut.Stretches.Sum(stretch => stretch.Counts[0]);
        }

        return new(
            program.Visits.Where(visit => visit.Loads).Sum(visit => Stored(visit.Unit) * element),
            program.Visits.Where(visit => visit.GivesGradient).Sum(visit => plan.Options.GradientLayout(plan.Model.Units[visit.Unit]).ElementCount * element),
            program.Visits.Where(visit => visit.Op == RankOps.Collective).Sum(visit => Moved(visit) * element),
            program.TrainedUnits.Sum(unit => plan.Options.GradientLayout(plan.Model.Units[unit]).ElementCount));
    }

    /// <summary>In words.</summary>
    public override string ToString() => string.Create(
        System.Globalization.CultureInfo.InvariantCulture,
        $"{new ByteSize(UpBytes)} up, {new ByteSize(DownBytes)} down{(BetweenBytes > 0 ? $", {new ByteSize(BetweenBytes)} from other ranks" : "")}, {Updated:N0} parameters updated");
}

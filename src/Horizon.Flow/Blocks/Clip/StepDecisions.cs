using Horizon.Flow.Messages;
using Horizon.Flow.Program;

namespace Horizon.Flow.Blocks;

/// <summary>What has come for the steps in hand, and what was decided on each. Losses and gradients come in any order; steps one after another.</summary>
internal sealed class StepDecisions(double? maximum)
{
    private readonly Dictionary<StepInfo, OpenStep> _open = [];

    public IReadOnlyList<HostGradient> Take(StepLosses losses)
    {
        if (losses.Info.Purpose != StepPurpose.Train) return [];
        var step = StepOf(losses.Info);
        step.Losses = losses;
        return Release(step);
    }

    public IReadOnlyList<HostGradient> Take(HostGradient gradient)
    {
        var step = StepOf(gradient.Info);
        step.Held.Add(gradient);
        step.Seen++;
        return Release(step);
    }

    private OpenStep StepOf(StepInfo info)
    {
        if (!_open.TryGetValue(info, out var step)) _open.Add(info, step = new OpenStep(info));
        return step;
    }

    private IReadOnlyList<HostGradient> Release(OpenStep step)
    {
        if (step.Losses is not { } losses) return [];
        var all = step.Seen == step.Info.Program.TrainedUnits.Length;
        if (all) _open.Remove(step.Info);
        if (maximum is null)
        {
            HostGradient[] through = [.. step.Held.Select(gradient => gradient.WithVerdict(new StepVerdict(losses, 1, step.SkipReason ??= losses.Bad ?? WhyNot(gradient))))];
            step.Held.Clear();
            return through;
        }

        if (!all) return [];
        HostGradient[] forward = [.. step.Held.OrderBy(gradient => gradient.Visit.Unit)];
        var norm = Norm(forward);
        var skip = WhyNot(losses, step.Held, norm);
        var verdict = new StepVerdict(losses, skip is null ? ClipMath.Scale(norm, maximum.Value) : 1, skip);
        return [.. forward.Select(gradient => gradient.WithVerdict(verdict))];
    }

    // Summed in the order of the units, so always the same.
    private static double Norm(IEnumerable<HostGradient> forward) => Math.Sqrt(forward.Sum(gradient => gradient.SumOfSquares!.Value));

    private static string? WhyNot(HostGradient gradient) => double.IsFinite(gradient.SumOfSquares!.Value) ? null
        : $"the gradient of {Name(gradient)} is not finite; units that came before it were updated";

    // The micro-batch that was bad first, and of its units the one that backward met first: what lies below it inherits its numbers.
    private static string? WhyNot(StepLosses losses, List<HostGradient> held, double norm)
    {
        var bad = held.Where(gradient => !double.IsFinite(gradient.SumOfSquares!.Value)).MinBy(gradient => gradient.BadMicroBatch ?? int.MaxValue);
        var gradient = double.IsFinite(norm) ? null
            : $"the gradient norm is {norm}, first in {(bad is null ? "the sum over the units, which overflowed" : Name(bad))}";
        return losses.Bad is { } loss ? gradient is null ? loss : $"{loss}; {gradient}" : gradient;
    }

    private static string Name(HostGradient gradient) =>
        gradient.BadMicroBatch is { } bad ? $"unit '{gradient.UnitName}' in {gradient.Info.NameOf(bad)}" : $"unit '{gradient.UnitName}'";

    private sealed class OpenStep(StepInfo info)
    {
        public StepInfo Info => info;

        public StepLosses? Losses { get; set; }

        public List<HostGradient> Held { get; } = [];

        public int Seen { get; set; }

        public string? SkipReason { get; set; }
    }
}

using System.Collections.Concurrent;
using Horizon.Flow;
using Horizon.Flow.Program;

namespace Horizon.Examples;

/// <summary>
/// Layerwise importance sampled AdamW (LISA, Pan et al., arXiv 2403.17919): embedding and head are trained in every step, of the layers between
/// a few, drawn anew every so many steps. What is not drawn is neither differentiated nor downloaded nor updated; its moments stay as they are
/// until its turn comes again, and its bias corrections count its own updates.
/// </summary>
/// <param name="plan">The plan that is trained.</param>
/// <param name="layers">How many layers are trained at a time.</param>
/// <param name="every">For how many steps.</param>
/// <param name="seed">Of the draw.</param>
public sealed class LayerSampling(TrainingPlan plan, int layers, int every, int seed) : IStepProgrammer
{
    private readonly ConcurrentDictionary<string, DefaultProgrammer> _programmers = [];

    // <snippet>
    /// <inheritdoc/>
    public StepProgram ProgramFor(StepRequest request)
    {
        ArgumentNullException.ThrowIfNull(request);
        // Programs that are equal are one object, so that each is validated once: a passing request has them all from one programmer.
        var drawn = TrainedIn(request.Step);
        return _programmers.GetOrAdd(string.Join(' ', drawn.Order()), _ => new DefaultProgrammer(plan.Model, plan.Options, drawn.Contains)).ProgramFor(request);
    }

    /// <summary>The units that a step trains: the same for the same step, so that a resumed run goes on with the same ones.</summary>
    public IReadOnlySet<int> TrainedIn(long step)
    {
        var (first, last) = (plan.Model.Hidden[0].Unit, plan.Model.Head.Unit);
        int[] middle = [.. Enumerable.Range(0, plan.Model.Units.Count).Where(unit => unit != first && unit != last)];
        new Random(unchecked((seed * 1_000_003) + (int)((step - 1) / every))).Shuffle(middle);
        return new HashSet<int>([first, last, .. middle.Take(layers)]);
    }
    // </snippet>
}

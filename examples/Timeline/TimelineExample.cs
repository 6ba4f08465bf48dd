using System.Collections.Concurrent;
using Horizon.Flow;
using Horizon.Flow.Graph;

namespace Horizon.Examples;

/// <summary>An observer that draws the pipeline's timeline and changes nothing.</summary>
public static class TimelineExample
{
    /// <summary>What <see cref="RunAsync"/> shows.</summary>
    public sealed record Shown(Outcome Unobserved, Outcome Observed, IReadOnlyList<StageSpan> Spans, string Drawing);

    /// <summary>Trains without and with the observer, and draws the last step.</summary>
    public static async Task<Shown> RunAsync(TextWriter output, int steps = 6)
    {
        var plan = TrainingPlan.For(Tiny.Model, Tiny.Options);
        var unobserved = await Outcome.OfAsync(plan, steps).ConfigureAwait(false);

        // <snippet>
        var spans = new ConcurrentQueue<StageSpan>();
        var observed = await Outcome.OfAsync(plan, steps, new GraphRunOptions { OnSpan = spans.Enqueue }).ConfigureAwait(false);
        var lastStep = spans.Where(span => span.Message?.Step == steps).ToList();
        var drawing = TimelineText.Draw(lastStep, plan.Graph.Nodes.Select(node => node.Name));
        // </snippet>

        await output.WriteLineAsync($"step {steps}: A is the embedding, B to E the layers, F the head; a dot is a wait for a buffer, a version or a turn").ConfigureAwait(false);
        await output.WriteAsync(drawing).ConfigureAwait(false);
        await output.WriteLineAsync($"with and without the observer bitwise equal: {observed.IsBitwise(unobserved)}").ConfigureAwait(false);
        return new Shown(unobserved, observed, [.. spans], drawing);
    }
}

using Horizon.Flow;

namespace Horizon.Examples;

/// <summary>Training the last layers, or the head alone: frozen units are neither downloaded nor updated, nor hold moments.</summary>
public static class FreezingExample
{
    /// <summary>What one choice of units cost and changed.</summary>
    /// <param name="What">The choice, in words.</param>
    /// <param name="Trained">Which units it trains.</param>
    /// <param name="Before">The parameters, unit by unit.</param>
    /// <param name="After">The reports and the parameters after training.</param>
    /// <param name="Downloads">Gradients that came down, unit by unit.</param>
    /// <param name="StateBytes">Bytes of the optimizer's state, unit by unit.</param>
    public sealed record Choice(
        string What, bool[] Trained, IReadOnlyList<float[]> Before, Outcome After, int[] Downloads, long[] StateBytes);

    /// <summary>Trains everything, the last two layers with the head, and the head alone.</summary>
    public static async Task<IReadOnlyList<Choice>> RunAsync(TextWriter output, int steps = 30)
    {
        // <snippet>
        var all = TrainingPlan.For(Tiny.Model, Tiny.Options);
        var names = all.Model.Units.Select(unit => unit.Name).ToList(); // embedding, layer 0, … layer 3, head
        var lastThree = all.Freeze(unit => !names.TakeLast(3).Contains(unit.Name));
        var headAlone = all.Freeze(unit => unit.Name != "head");
        // </snippet>

        var choices = new[]
        {
            await TrainAsync("every unit", all, steps).ConfigureAwait(false),
            await TrainAsync("the last two layers and the head", lastThree, steps).ConfigureAwait(false),
            await TrainAsync("the head alone", headAlone, steps).ConfigureAwait(false),
        };
        foreach (var choice in choices)
            await output.WriteLineAsync($"{choice.What}: loss {choice.After.LastLoss:F3}, optimizer state {choice.StateBytes.Sum():N0} bytes, gradients down {string.Join(' ', choice.Downloads)}").ConfigureAwait(false);
        return choices;
    }

    private static async Task<Choice> TrainAsync(string what, TrainingPlan plan, int steps)
    {
        var downloads = new int[plan.Model.Units.Count];
        plan = plan.At(Stages.Download).Tap("count downloads", gradient => gradient.Visit.Unit, unit => downloads[unit]++);
        using var store = Tiny.CreateStore(plan);
        var before = Outcome.Read(store);
        var after = await Outcome.OfAsync(plan, store, steps).ConfigureAwait(false);
        return new Choice(
            what,
            [.. plan.Model.Units.Select(plan.Options.IsTrainable)],
            before,
            after,
            downloads,
            [.. store.Units.Select(unit => unit.OptimizerState.Sum(buffer => buffer.ByteLength))]);
    }
}

using System.Globalization;
using Horizon.Flow.Activations;
using Horizon.Flow.Devices;
using Horizon.Flow.Resources;

namespace Horizon.Flow.Bench;

/// <summary>What the command line says of activations, as a policy for each layer.</summary>
internal static class StepActivations
{
    // Of the device's memory, left free by auto.
    private const double Margin = 0.05;

    public static ActivationChoice Choose(string words, TrainingPlan plan, IComputeDevice device, Func<TrainingPlan, MemoryBudget> budget)
    {
        var model = plan.Model;
        var parts = words.Split(':');
        var all = model.Hidden.Count - 1;
        var count = parts.Length == 1 ? all
            : int.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? Math.Min(number, all)
            : throw new HorizonException($"--activations {words}: after the colon stands a number of layers");
        return parts[0] switch
        {
            "auto" when device.MemoryBytes is { } memory => ActivationChoice.Fastest(
                plan, choice => budget(TrainingPlan.For(model, plan.Options with { Activations = choice.Of })).DeviceBytes <= (1 - Margin) * memory),
            "auto" or "recompute" => ActivationChoice.All(model, ActivationPolicy.Recompute),
            "keep" => Some(layer => layer > all - count, ActivationPolicy.Keep),
            "narrow" => Some(layer => layer > all - count, ActivationPolicy.KeepNarrow),
            "offload" => Some(layer => layer <= count, ActivationPolicy.Offload),
            _ => throw new HorizonException($"--activations {words} is unknown; use auto, recompute, keep, keep:N, narrow, narrow:N, offload or offload:N"),
        };

        ActivationChoice Some(Predicate<int> isChosen, ActivationPolicy policy) => new(
            [.. model.Hidden.Select((binding, layer) => !binding.Template.IsEmbedding && isChosen(layer) ? policy : ActivationPolicy.Recompute)]);
    }
}

using Horizon.Flow.Host.Memory;
using Horizon.Flow.Resources;
using Horizon.Flow.Runs.Planning;

namespace Horizon.Flow.Cli;

/// <summary>A plan as lines of text, sizes in a column.</summary>
internal static class PlanText
{
    public static void Write(PlanReport plan, TextWriter output)
    {
        output.WriteLine(plan.Model);
        if (plan.LengthDescription.Length > 0)
            output.WriteLine($"length: {plan.LengthDescription}");
        var width = plan.Items.Select(item => item.Kind.Length).DefaultIfEmpty().Max();
        foreach (var place in (MemoryPlace[])[MemoryPlace.Device, MemoryPlace.Host])
        {
            // A device that computes in host memory has none of its own.
            if (plan.Available(place) is null && plan.Needed(place).Bytes == 0)
                continue;
            var available = plan.Available(place) is { } size ? $" of {size}" : "";
            output.WriteLine();
            output.WriteLine($"{(place == MemoryPlace.Host ? "host" : "device")} memory: {plan.Needed(place)}{available}");
            foreach (var item in plan.Items.Where(item => item.Place == place))
                output.WriteLine($"  {item.Kind.PadRight(width)}  {new ByteSize(item.Bytes),12}  {item.How}".TrimEnd());
        }
        output.WriteLine();
        if (plan.ActivationsReason.Length > 0)
            output.WriteLine($"activations: {plan.ActivationsReason}");
        if (plan.Traffic is { } traffic)
            output.WriteLine($"a step moves: {traffic}");
        output.WriteLine(plan.Fits ? $"fits; what binds is {plan.Binds}" : $"does not fit: {plan.Binds}");
        if (plan.BestBatchSize is { } batch)
            output.WriteLine($"best training.batch_size: {batch}");
    }
}

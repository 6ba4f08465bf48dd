using System.Globalization;
using Horizon.Flow.Host.Memory;
using Horizon.Flow.Resources;
using Horizon.Flow.Runs.Planning;

namespace Horizon.Flow.Cli;

/// <summary>A plan as lines of text: sizes and times in a column, each with a bar.</summary>
internal static class PlanText
{
    private const int BarWidth = 20;

    public static void Write(PlanReport plan, TextWriter output)
    {
        output.WriteLine(plan.Model);
        if (plan.LengthDescription.Length > 0)
            output.WriteLine($"length: {plan.LengthDescription}{Hours(plan)}");
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
                output.WriteLine($"  {item.Kind.PadRight(width)}  {new ByteSize(item.Bytes),12}  {Bar((double)item.Bytes / plan.Needed(place).Bytes)} {item.How}".TrimEnd());
        }

        output.WriteLine();
        if (plan.ActivationsReason.Length > 0)
            output.WriteLine($"activations: {plan.ActivationsReason}");
        if (plan.Traffic is { } traffic)
            output.WriteLine($"a step moves: {traffic}");
        output.WriteLine(plan.Fits ? $"fits; what binds is {plan.Binds}" : $"does not fit: {plan.Binds}");
        if (plan.BestBatchSize is { } batch)
            output.WriteLine($"largest training.batch_size: {batch}{(plan.SystemRoom.Bytes > 0 ? $", which leaves the system {plan.SystemRoom} of host memory" : "")}");
        if (plan.RecommendedBatchSize is { } best)
            output.WriteLine($"recommended training.batch_size: {best}, the smallest that is predicted to come near the most tokens a second (auto takes it)");
        if (plan.Cost is { } cost)
            WriteCost(cost, output);
        if (plan.ParameterCount > 0)
            output.WriteLine($"elsewhere: with weights, gradients, masters and moments on the device (16 bytes a parameter) it would take {new ByteSize(16 * plan.ParameterCount)} of its memory, without activations");
    }

    private static void WriteCost(StepCost cost, TextWriter output)
    {
        var (work, time, rates) = (cost.Work, cost.Time, cost.Rates);
        output.WriteLine();
        output.WriteLine(Invariant($"step: about {Seconds(time.Predicted)}, {work.Tokens / time.Predicted:N0} tokens/s; its floor is {Seconds(time.Floor)}, {time.Binds} binds"));
        var longest = Math.Max(time.Floor, time.Border);
        void Line(string what, double seconds, string how) => output.WriteLine(Invariant($"  {what,-14}{seconds,10:0.000} s  {Bar(seconds / longest)} {how}"));
        var (ranks, machines) = (work.Ranks > 1 ? Invariant($" on each of {work.Ranks} ranks") : "", work.Machines > 1 ? Invariant($" on each of {work.Machines} machines") : "");
        Line("compute", time.Compute, Invariant($"{work.Operations / 1e12:0.###} TFLOP ({work.RecomputedOperations / work.Operations:P0} computed again) at {work.Operations / time.Compute / work.Ranks / 1e12:0.###} TFLOP/s{ranks}"));
        if (time.Attention > 0) Line("attention", time.Attention, Invariant($"longer than products of its {work.AttentionOperations / 1e12:0.###} TFLOP would take"));
        Line("between them", time.Between, Invariant($"{work.BytesBetween / 1e9:0.##} GB of device memory at {rates.DeviceMemory / 1e9:0.#} GB/s{ranks}, by the operators that are no products"));
        Line("upload", time.Upload, Invariant($"{work.BytesUp / 1e9:0.##} GB at {rates.Up / 1e9:0.#} GB/s{ranks}"));
        Line("download", time.Download, Invariant($"{work.BytesDown / 1e9:0.##} GB at {rates.Down / 1e9:0.#} GB/s{ranks}"));
        Line("update", time.Update, Invariant($"{work.BytesUpdated / 1e9:0.##} GB of host memory at {rates.HostMemory / 1e9:0.#} GB/s{machines}{(time.Update - time.Behind > 1.001 * (work.BytesUpdated - work.BytesBehind) / rates.HostMemory / work.Machines ? ", bound by computing moments of 8 bits" : "")}"));
        if (time.BesideUpdates is not null)
            Line("clipped", time.Clipped, time.Behind > 0
                ? Invariant($"weights ({(time.Update - time.Behind):0.000} s of the update), then head and backward, or the optimizer's state beside them: updates wait for the norm of all gradients")
                : "update and compute but its first forward: updates wait for the norm of all gradients");
        Line("between steps", time.Border, "the largest unit comes down, is updated and goes up");
        output.WriteLine($"rates: {rates.Source}{(rates.IsMeasured ? "" : "; horizon plan --probe measures this machine's")}");
    }

    private static string Hours(PlanReport plan) => plan is { Length: { } length, Cost: { } cost } ? $"; about {ProgressText.Duration(TimeSpan.FromSeconds(length.Steps * cost.Time.Predicted))}" : "";

    private static string Seconds(double seconds) => seconds < 10 ? Invariant($"{seconds:0.0##} s") : ProgressText.Duration(TimeSpan.FromSeconds(seconds));

    private static string Bar(double share) => new string('█', (int)Math.Round(Math.Clamp(share, 0, 1) * BarWidth)).PadRight(BarWidth);

    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}

using System.Globalization;
using Horizon.Flow.Host;

namespace Horizon.Flow;

/// <summary>
/// What a plan will use where, known before anything is allocated. Host: parameters, moments, slabs. Device: (weight buffers + gradient
/// buffers) x largest unit + kept inputs + one segment's working set.
/// </summary>
public sealed class MemoryBudget
{
    private MemoryBudget(IReadOnlyList<MemoryItem> items) => Items = items;

    /// <summary>All lines.</summary>
    public IReadOnlyList<MemoryItem> Items { get; }

    /// <summary>Bytes on the host.</summary>
    public long HostBytes => Items.Where(item => item.Place == MemoryPlace.Host).Sum(item => item.Bytes);

    /// <summary>Bytes on the device.</summary>
    public long DeviceBytes => Items.Where(item => item.Place == MemoryPlace.Device).Sum(item => item.Bytes);

    /// <summary>The budget of a plan.</summary>
    /// <param name="plan">The plan.</param>
    /// <param name="precision">How the store keeps parameters.</param>
    /// <param name="rows">Rows of a micro-batch; 0 leaves activations out.</param>
    /// <param name="sequenceLength">Tokens of a row.</param>
    public static MemoryBudget Of(TrainingPlan plan, StorePrecision precision, long rows = 0, long sequenceLength = 0)
    {
        ArgumentNullException.ThrowIfNull(plan);
        var model = plan.Model;
        var element = precision == StorePrecision.Fp32 ? 4 : 2;
        var trained = model.Units.Select(plan.Options.IsTrainable).ToList();
        var trainedParameters = model.Units.Where((_, i) => trained[i]).Sum(unit => unit.ElementCount);
        var gradients = model.Units.Select((unit, i) => trained[i] ? plan.Options.GradientLayout(unit).ElementCount : 0).ToList();
        var state = model.Units.Where((_, i) => trained[i]).SelectMany(plan.Options.Optimizer.DescribeState).Sum(buffer => buffer.ByteLength);
        var largest = model.Units.Max(unit => unit.ElementCount);
        var pipeline = plan.Options.Pipeline;
        var accumulated = gradients.Where((_, i) => plan.Accumulates(i)).Sum();
        var tokens = rows * sequenceLength;
        var items = new List<MemoryItem>
        {
            new(MemoryPlace.Host, "weights", model.ParameterCount * element, Count(model.ParameterCount, element)),
        };
        if (precision == StorePrecision.Bf16)
            items.Add(new(MemoryPlace.Host, "differences to the fp32 masters", model.ParameterCount * 2, Count(model.ParameterCount, 2)));
        items.Add(new(MemoryPlace.Host, $"optimizer state ({plan.Options.Optimizer.Name})", state, Text($"{(double)state / Math.Max(1, trainedParameters):0.##} bytes x {trainedParameters:N0} trained parameters")));
        items.Add(plan.SlabPerUnit
            ? new(MemoryPlace.Host, PoolNames.Slabs, gradients.Sum() * element, Text($"one for each trained unit, all held until the norm is known: {Count(gradients.Sum(), element)}"))
            : new(MemoryPlace.Host, PoolNames.Slabs, pipeline.GradientSlabs * gradients.Max() * element, Text($"{pipeline.GradientSlabs} x {Count(gradients.Max(), element)}")));
        if (accumulated > 0)
            items.Add(new(MemoryPlace.Host, PoolNames.Accumulators, accumulated * 4, Count(accumulated, 4)));
        items.Add(new(MemoryPlace.Device, PoolNames.DeviceWeights, pipeline.DeviceBuffers * largest * element, Text($"{pipeline.DeviceBuffers} x largest unit of {largest:N0} parameters")));
        items.Add(new(MemoryPlace.Device, PoolNames.DeviceGradients, pipeline.GradientBuffers * largest * element, Text($"{pipeline.GradientBuffers} x largest unit of {largest:N0} parameters")));
        if (plan.Options.Optimizer is Muon && Muon.LargestMatrix(model.Units.Where((_, i) => trained[i])) is { } matrix)
        {
            items.Add(new(MemoryPlace.Host, PoolNames.MuonWorkspaces, matrix.Count * element, Count(matrix.Count, element)));
            items.Add(new(MemoryPlace.Device, $"{PoolNames.MuonWorkspaces} on the device", (matrix.Count * element) + NewtonSchulz.WorkingBytes(matrix.Shape[0], matrix.Shape[1], element), Text($"Newton-Schulz of [{matrix.Shape[0]}, {matrix.Shape[1]}]")));
        }

        if (tokens > 0) items.AddRange(Activations(plan, element, tokens));
        return new MemoryBudget(items);
    }

    /// <summary>A pool with its bytes, for drawings.</summary>
    public string DescribePool(string pool)
    {
        var item = Items.FirstOrDefault(one => one.Kind == pool);
        return item is null ? pool : $"{pool}: {new ByteSize(item.Bytes)}";
    }

    private static IEnumerable<MemoryItem> Activations(TrainingPlan plan, int element, long tokens)
    {
        var model = plan.Model;
        var schedule = new VisitSchedule(model, plan.Options, unit => plan.Options.IsTrainable(model.Units[unit]));
        var kept = schedule.Segments.Count(segment => !model.Hidden[segment.First].Template.IsEmbedding);
        var hidden = tokens * model.HiddenSize * element;
        yield return new(MemoryPlace.Device, "kept inputs", kept * hidden, Text($"{kept} of [{tokens:N0}, {model.HiddenSize}]"));
        var longest = schedule.Segments.Select(segment => segment.Count).DefaultIfEmpty(1).Max();
        var widest = model.Hidden.Where(binding => !binding.Template.IsEmbedding).Select(binding => Width(model.Units[binding.Unit])).DefaultIfEmpty(0).Max();
        // Each product's output is there once for forward, once as a gradient, and about once more inside norms and activations.
        var working = (long)Math.Ceiling(3.0 * widest * tokens * element * ((longest + 1) / 2.0)) + (4 * hidden);
        yield return new(MemoryPlace.Device, "one segment's working set", working, Text($"estimate: 3 x {widest:N0} outputs x {tokens:N0} tokens for {longest} unit(s)"));
        yield return new(MemoryPlace.Device, "logits of one chunk", model.Head.Template.WorkingBytes(model.Units[model.Head.Unit], tokens), "fp32 logits and their gradient, and the projection's fp32 gradient");
    }

    private static long Width(UnitLayout unit) => unit.Parameters.Where(slot => slot.Shape.Count == 2).Sum(slot => slot.Shape[0]);

    private static string Count(long count, int bytes) => Text($"{bytes} bytes x {count:N0} parameters");

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}

using Horizon.Flow.Host.Memory;
using Horizon.Flow.Host.Store;
using Horizon.Flow.Units;

namespace Horizon.Flow.Activations;

/// <summary>
/// The moment of a micro-batch at which activations take most: found by walking its visits, forward, head and backward, with what each
/// unit's template says of itself.
/// </summary>
/// <param name="Moment">In words.</param>
/// <param name="Inputs">How many kept inputs are on the device then.</param>
/// <param name="Tapes">How many kept tapes.</param>
/// <param name="TapeBytes">Bytes of those tapes.</param>
/// <param name="Working">Bytes of the work in hand.</param>
internal sealed record ActivationPeak(string Moment, int Inputs, int Tapes, long TapeBytes, long Working)
{
    /// <summary>All of it.</summary>
    /// <param name="hidden">Bytes of one input.</param>
    public long Bytes(long hidden) => (Inputs * hidden) + TapeBytes + Working;

    public static ActivationPeak Of(ModelDefinition model, ActivationTable table, BatchShape batch)
    {
        var hidden = model.HiddenSize * batch.TokenBytes;
        return Moments(model, table, batch, hidden).MaxBy(moment => moment.Bytes(hidden))!;
    }

    private static IEnumerable<ActivationPeak> Moments(ModelDefinition model, ActivationTable table, BatchShape batch, long hidden)
    {
        // Asked once: a unit of experts has hundreds of parameters to look through.
        List<long> Each(Func<IUnitTemplate, UnitLayout, long> bytes) => [.. model.Hidden.Select(binding => bytes(binding.Template, model.Units[binding.Unit]))];
        var tapesOf = Each((template, unit) => template.TapeBytes(unit, batch));
        var keptTapesOf = Each((template, unit) => template.KeptTapeBytes(unit, batch));
        var narrowTapesOf = Each((template, unit) => template.CanNarrowTapes ? template.NarrowTapeBytes(unit, batch) : template.KeptTapeBytes(unit, batch));
        var resumedTapesOf = Each((template, unit) => template.ResumedTapeBytes(unit, batch));
        var workOf = Each((template, unit) => template.WorkingBytes(unit, batch));
        var forwardOf = Each((template, unit) => template.ForwardBytes(unit, batch));
        long Tape(int layer) => tapesOf[layer];
        long Resumed(int layer) => table.PolicyOf(layer) == ActivationPolicy.Keep ? resumedTapesOf[layer] : tapesOf[layer];
        long KeptTape(int layer) => (table.PolicyOf(layer) == ActivationPolicy.KeepNarrow ? narrowTapesOf : keptTapesOf)[layer];
        long Kept(int layer) => KeptTape(layer) + (model.Hidden[layer].Template.CanBindTapes ? 0 : model.Units[model.Hidden[layer].Unit].ElementCount * batch.Type.ByteSize());
        long Work(int layer) => workOf[layer];
        string Name(int layer) => model.Units[model.Hidden[layer].Unit].Name;
        var first = table.Segments.Select(segment => segment.First).ToHashSet();
        bool KeepsInput(int layer) => first.Contains(layer) && !model.Hidden[layer].Template.IsEmbedding && table.PolicyOf(layer) != ActivationPolicy.Offload;
        var (inputs, tapes, tapeBytes) = (0, 0, 0L);
        for (var layer = 0; layer < model.Hidden.Count; layer++)
        {
            if (KeepsInput(layer)) inputs++;
            var input = KeepsInput(layer) || model.Hidden[layer].Template.IsEmbedding ? 0 : hidden;
            yield return new($"forward of '{Name(layer)}'", inputs, tapes, tapeBytes, input + Tape(layer) + forwardOf[layer]);
            if (!first.Contains(layer) || !table.Keeps(layer)) continue;
            tapes++;
            tapeBytes += Kept(layer);
        }

        yield return new("the head", inputs, tapes, tapeBytes, hidden + model.Head.Template.WorkingBytes(model.Units[model.Head.Unit], batch));
        foreach (var (begin, count) in table.Segments)
        {
            var layers = Enumerable.Range(begin, count).ToList();
            var kept = table.Keeps(begin);
            // Of a layer's parts one is in hand at a time, beside the tapes of what lies before them.
            var parts = layers.Where(table.IsPart).ToList();
            var whole = layers.Except(parts).ToList();
            var work = Math.Max(whole.Select(Work).DefaultIfEmpty(0).Max(), parts.Select(part => Tape(part) + Work(part)).DefaultIfEmpty(0).Max())
                + whole.Sum(Resumed) + (Math.Max(0, whole.Count - 1) * hidden) - (kept ? KeptTape(begin) : 0);
            yield return new($"backward of '{Name(begin + count - 1)}'", inputs, tapes, tapeBytes, work);
            if (KeepsInput(begin)) inputs--;
            if (!kept) continue;
            tapes--;
            tapeBytes -= Kept(begin);
        }
    }
}

using Horizon.Flow.Units;

namespace Horizon.Flow.Program;

/// <summary>Writes a program: who writes and reads what is said, loads and frees follow from first and last use.</summary>
public sealed class ProgramBuilder
{
    private readonly List<ProgramValue> _values;
    private readonly List<ProgramVisit> _visits = [];

    /// <summary>Begins a program.</summary>
    /// <param name="from">Begins with the values of this one, whose visits are then added as they are, changed, among others, or left out.</param>
    public ProgramBuilder(StepProgram? from = null) => _values = [.. from?.Values ?? []];

    /// <summary>A new value.</summary>
    /// <param name="name">For people.</param>
    /// <param name="kind">What it is.</param>
    /// <param name="holds">Values that must live as long; null among them is nothing.</param>
    /// <param name="partOf">The value that it is a part of.</param>
    /// <param name="pool">For a rented one, its pool.</param>
    /// <param name="keptAs">For one that lives from program to program, its name there.</param>
    /// <param name="isNarrow">For a tape, whether it lets go what is wider than a hidden state.</param>
    public int Value(string name, ValueKind kind = ValueKind.Tensor, IEnumerable<int?>? holds = null, int? partOf = null, string? pool = null, string? keptAs = null, bool isNarrow = false)
    {
        _values.Add(new(_values.Count, name, kind) { Holds = [.. (holds ?? []).OfType<int>()], PartOf = partOf, Pool = pool, KeptAs = keptAs, IsNarrow = isNarrow });
        return _values.Count - 1;
    }

    /// <summary>A unit's weights, to be uploaded for the first visit that names them and to stay for the others that do.</summary>
    public int Weights(int unit) => Value($"w{unit}", ValueKind.Weights);

    /// <summary>Adds a visit of a layer, or of the head.</summary>
    /// <param name="op">What is done.</param>
    /// <param name="unit">The unit.</param>
    /// <param name="layer">Its place in the forward order.</param>
    /// <param name="weights">Its weights; null where none are needed.</param>
    /// <param name="reads">Values read; null among them is nothing.</param>
    /// <param name="writes">Values written.</param>
    /// <param name="microBatch">Of the step.</param>
    /// <param name="store">Which model.</param>
    /// <param name="gradient">Whether it gives a gradient of the unit.</param>
    /// <param name="loss">Whether it gives a loss.</param>
    /// <param name="result">Whether it gives numbers to the host.</param>
    public void Visit(
        string op, int unit, int layer, int? weights, IEnumerable<int?> reads, IEnumerable<int> writes,
        int microBatch = 0, int store = 0, bool gradient = false, bool loss = false, bool result = false) =>
        _visits.Add(new ProgramVisit
        {
            Index = _visits.Count,
            Op = op,
            Unit = unit,
            Layer = layer,
            Weights = weights,
            Reads = [.. reads.OfType<int>()],
            Writes = [.. writes],
            MicroBatch = microBatch,
            Store = store,
            GivesGradient = gradient,
            GivesLoss = loss,
            GivesResult = result,
        });

    /// <summary>Adds a visit of the program that this one began from, or one like it.</summary>
    public void Visit(ProgramVisit visit)
    {
        ArgumentNullException.ThrowIfNull(visit);
        _visits.Add(visit with { Index = _visits.Count });
    }

    /// <summary>Forward through all layers of a model.</summary>
    /// <param name="model">The model.</param>
    /// <param name="store">Which one it is.</param>
    /// <param name="microBatch">Of the step.</param>
    /// <returns>The hidden state before the head.</returns>
    public int? Forward(ModelDefinition model, int store = 0, int microBatch = 0)
    {
        ArgumentNullException.ThrowIfNull(model);
        int? hidden = null;
        for (var layer = 0; layer < model.Hidden.Count; layer++)
        {
            var unit = model.Hidden[layer].Unit;
            var next = Value($"h{layer + 1}");
            Visit(Ops.Forward, unit, layer, Weights(unit), [hidden], [next], microBatch, store);
            hidden = next;
        }

        return hidden;
    }

    /// <summary>The program.</summary>
    public StepProgram Build() => new StepProgram([.. _visits], [.. _values]).Renewed();
}

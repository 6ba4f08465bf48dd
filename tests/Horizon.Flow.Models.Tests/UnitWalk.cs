using Horizon.Flow.Units;
using static TorchSharp.torch;

namespace Horizon.Flow.Models.Tests;

/// <summary>
/// The units one after another on one thread, as the graph visits them: forward keeping each unit's input, the head, then each unit
/// recomputed and differentiated on its own. Every buffer starts as NaN, so what is not written shows.
/// </summary>
public sealed class UnitWalk : IDisposable
{
    private readonly ModelDefinition _definition;
    private readonly ScalarType _type;
    private readonly List<Tensor> _buffers = [];
    private readonly List<ParameterViews> _parameters;

    public UnitWalk(ModelDefinition definition, IReadOnlyDictionary<string, float[]> values, ScalarType type = ScalarType.Float32)
    {
        _definition = definition;
        _type = type;
        _parameters = [.. definition.Units.Select(unit =>
        {
            using var scope = NewDisposeScope();
            var flat = cat([.. unit.Parameters.Select(slot => tensor(values[slot.TensorName].AsSpan((int)slot.TensorOffset, (int)slot.Count).ToArray()))]).to(type).DetachFromDisposeScope();
            _buffers.Add(flat);
            return new ParameterViews(flat, unit);
        })];
    }

    /// <summary>Loss sum and gradients of lossScale times it, by the model folder's names.</summary>
    public (double LossSum, Dictionary<string, float[]> Gradients) Differentiate(DeviceBatch batch, double lossScale)
    {
        var gradients = new Dictionary<string, float[]>();
        var inputs = new List<Tensor?> { null };
        foreach (var (unit, template) in _definition.Hidden)
            inputs.Add(template.Forward(_parameters[unit], inputs[^1], batch));

        var (headUnit, head) = _definition.Head;
        using var headViews = GradientViews(headUnit);
        var result = head.Differentiate(_parameters[headUnit], headViews, inputs[^1]!, batch, lossScale);
        Collect(gradients, headUnit, headViews);
        var outputGradient = result.InputGradient;
        for (var visit = _definition.Hidden.Count - 1; visit >= 0; visit--)
        {
            var (unit, template) = _definition.Hidden[visit];
            using var views = GradientViews(unit);
            using var tape = template.Recompute(template.BackwardNeedsWeights ? _parameters[unit] : null, inputs[visit], batch);
            if (template.BackwardNeedsWeights) AssertBitwiseEqual(inputs[visit + 1]!, tape.Output);
            var inputGradient = tape.Backward(outputGradient, views);
            outputGradient.Dispose();
            Collect(gradients, unit, views);
            Assert.Equal(template.IsEmbedding, inputGradient is null);
            outputGradient = inputGradient!;
        }

        foreach (var input in inputs) input?.Dispose();
        using var sum = result.LossSum;
        return (sum.item<double>(), gradients);
    }

    /// <summary>[tokens * vocabulary] fp32.</summary>
    public float[] Logits(DeviceBatch batch)
    {
        using var scope = NewDisposeScope();
        Tensor? x = null;
        foreach (var (unit, template) in _definition.Hidden) x = template.Forward(_parameters[unit], x, batch);
        return _definition.Head.Template.Logits(_parameters[_definition.Head.Unit], x!.flatten(0, 1)).data<float>().ToArray();
    }

    public static DeviceBatch Batch(MicroBatch batch, IUnitOperators? operators = null, int? pieceTokens = null)
    {
        Tensor Grid(long[] values) => tensor(values, [batch.Rows, batch.SequenceLength]).DetachFromDisposeScope();
        var (rows, length) = (batch.Rows, batch.SequenceLength);
        return new DeviceBatch(
            Grid(batch.InputIds), Grid(batch.Targets), Grid(batch.Positions), batch.Documents is null ? null : Grid(batch.Documents), operators: operators)
        {
            Seed = batch.Seed,
            PieceTokens = pieceTokens ?? TokenPieces.LengthOf(rows, length),
        };
    }

    public void Dispose()
    {
        foreach (var views in _parameters) views.Dispose();
        foreach (var buffer in _buffers) buffer.Dispose();
    }

    private static void AssertBitwiseEqual(Tensor expected, Tensor actual)
    {
        using var scope = NewDisposeScope();
        Assert.True(expected.eq(actual).all().item<bool>(), "recomputation gives other bits than forward");
    }

    // Null for a unit that is fixed as a whole.
    private ParameterViews? GradientViews(int unit)
    {
        var layout = _definition.Units[unit].Trained;
        if (layout.ElementCount == 0) return null;
        var flat = empty([layout.ElementCount], dtype: _type).FillInPlace(float.NaN).DetachFromDisposeScope();
        _buffers.Add(flat);
        return new ParameterViews(flat, layout);
    }

    // A unit that is visited twice (the tied embedding) has the sum.
    private static void Collect(Dictionary<string, float[]> gradients, int unit, ParameterViews? views)
    {
        if (views is null) return;
        using var scope = NewDisposeScope();
        foreach (var slot in views.Layout.Parameters)
        {
            var values = views[slot.Role].to(float32).flatten().data<float>().ToArray();
            Assert.DoesNotContain(values, float.IsNaN);
            if (!gradients.TryGetValue(slot.TensorName, out var whole)) gradients.Add(slot.TensorName, whole = new float[slot.TensorShape.Aggregate(1L, (product, extent) => product * extent)]);
            for (var i = 0; i < values.Length; i++) whole[slot.TensorOffset + i] += values[i];
        }
    }
}

using Horizon.Flow.Host.Store;
using Horizon.Flow.Models.Dense;
using Horizon.Flow.Testing;
using Horizon.Flow.Tests.Shared;
using Horizon.Flow.Units;
using static TorchSharp.torch;

namespace Horizon.Flow.Models.Tests.Families;

/// <summary>The chunked delta rule and its written backward against the recurrence that it stands for, derived by autograd.</summary>
public class DeltaRuleTests
{
    /// <summary>Outputs and all gradients, wherever chunks and documents begin.</summary>
    [Cases(60, Arbitrary = [typeof(DeltaCase.Cases)])]
    public void Mix_AnyShapeDocumentsAndChunks_EqualsTheRecurrence(DeltaCase shape)
    {
        using var scope = NewDisposeScope();
        var random = new Random(shape.Seed + 2);
        long[] size = [shape.Rows, shape.Sequence, shape.KeyHeads * shape.Group, shape.ValueWidth];
        float[] weights = [.. Enumerable.Range(0, (int)size.Aggregate(1L, (left, right) => left * right)).Select(_ => (float)random.NextDouble())];
        Numbers.AssertClose(Recurrence(shape, tensor(weights, size)), Rule(shape, tensor(weights, size)), 1e-4);
    }

    private static Dictionary<string, float[]> Recurrence(DeltaCase shape, Tensor weights)
    {
        var leaves = shape.Inputs().ToDictionary(input => input.Key, input => tensor(input.Value.Values, input.Value.Shape).to(float64).requires_grad_());
        var output = DeltaRecurrence.Mix(shape, leaves["query"], leaves["key"], leaves["value"], leaves["decay"], leaves["strength"]);
        (output * weights.to(float64)).sum().backward();
        var found = leaves.ToDictionary(leaf => leaf.Key, leaf => Values(leaf.Value.grad ?? zeros_like(leaf.Value)));
        found["output"] = Values(output);
        return found;
    }

    private static Dictionary<string, float[]> Rule(DeltaCase shape, Tensor weights)
    {
        using var batch = UnitWalk.Batch(shape.Batch());
        var inputs = shape.Inputs();
        var layout = new UnitLayout("rule", "test", inputs.Select(input => (input.Key, input.Key, input.Value.Shape)));
        using var parameters = new ParameterViews(tensor([.. inputs.Values.SelectMany(input => input.Values)]), layout);
        using var gradients = new ParameterViews(empty(layout.ElementCount).FillInPlace(float.NaN), layout);
        var template = new Unit(shape.Chunk);
        using var tape = template.Recompute(parameters, null, batch);
        var output = Values(tape.Output);
        Assert.Equal(output, Values(template.Forward(parameters, null, batch)));
        tape.Backward(weights, gradients);
        var found = inputs.Keys.ToDictionary(input => input, input => Values(gradients[input]));
        found["output"] = output;
        return found;
    }

    private static float[] Values(Tensor x) => x.detach().to(float32).contiguous().data<float>().ToArray();

    private sealed class Unit(int chunk) : AutogradTemplate
    {
        protected override Tensor Compute(ParameterViews parameters, Tensor? input, DeviceBatch batch) => throw new NotSupportedException();

        protected override Tensor Compute(ParameterViews parameters, Tensor? input, DeviceBatch batch, UnitRecord record) =>
            DeltaRule.Mix(parameters["query"], parameters["key"], parameters["value"], parameters["decay"], parameters["strength"], new DeltaChunks(batch, chunk), record);
    }
}

using FsCheck.Xunit;
using Horizon.Flow.Models.Dense;
using Horizon.Flow.Testing;
using static TorchSharp.torch;

namespace Horizon.Flow.Models.Tests.Families;

/// <summary>The chunked delta rule against the recurrence that it stands for.</summary>
public class DeltaRuleTests
{
    /// <summary>Outputs and all gradients, wherever chunks and documents begin.</summary>
    [Property(Arbitrary = [typeof(DeltaCase.Cases)], MaxTest = 60)]
    public void Mix_AnyShapeDocumentsAndChunks_EqualsTheRecurrence(DeltaCase shape)
    {
        using var scope = NewDisposeScope();
        using var batch = UnitWalk.Batch(shape.Batch());
        var weight = new Random(shape.Seed + 2);
        float[] weights = [.. Enumerable.Range(0, shape.Rows * shape.Sequence * shape.KeyHeads * shape.Group * shape.ValueWidth).Select(_ => (float)weight.NextDouble())];
        var expected = Differentiate(shape, weights, float64, x => DeltaRecurrence.Mix(shape, x["query"], x["key"], x["value"], x["decay"], x["strength"]));
        var given = Differentiate(shape, weights, float32, x =>
            DeltaRule.Mix(x["query"], x["key"], x["value"], x["decay"], x["strength"], new DeltaChunks(batch, shape.Chunk)));
        Numbers.AssertClose(expected, given, 1e-4);
    }

    private static Dictionary<string, float[]> Differentiate(DeltaCase shape, float[] weights, ScalarType type, Func<Dictionary<string, Tensor>, Tensor> mix)
    {
        var leaves = shape.Inputs().ToDictionary(input => input.Key, input => tensor(input.Value.Values, input.Value.Shape).to(type).requires_grad_());
        var output = mix(leaves);
        (output * tensor(weights, output.shape).to(type)).sum().backward();
        static float[] Values(Tensor x) => x.detach().to(float32).contiguous().data<float>().ToArray();
        var found = leaves.ToDictionary(leaf => leaf.Key, leaf => Values(leaf.Value.grad ?? zeros_like(leaf.Value)));
        found["output"] = Values(output);
        return found;
    }
}

using Horizon.Flow.Models.Common;
using Horizon.Flow.Models.Experts;
using Horizon.Flow.Testing;
using Horizon.Flow.Tests.Shared;
using Horizon.Flow.Units;
using static TorchSharp.torch;

namespace Horizon.Flow.Models.Tests.Families;

/// <summary>Routing and grouped products against a layer in which every expert computes every token.</summary>
public class ExpertPropertyTests
{
    private sealed class Layer(ExpertConfig config) : AutogradTemplate
    {
        private readonly ExpertFeedForward _experts = new(config, Activation.Silu, new ExpertLedger(config, [0]), 0);

        protected override Tensor Compute(ParameterViews parameters, Tensor? input, DeviceBatch batch) => _experts.Apply(parameters, input!, batch, []);
    }

    /// <summary>Outputs and all gradients; what no token chose has a gradient of zero, and every buffer starts as NaN.</summary>
    [Cases(100, Arbitrary = [typeof(ExpertCase.Cases)])]
    public void Experts_AnyShape_EqualTheDenseReference(ExpertCase layer) => Compare(layer, new EagerOperators());

    /// <summary>The same by grouped products, in widths that these take.</summary>
    [Cases(100, Arbitrary = [typeof(ExpertCase.GroupedCases)])]
    public void Experts_ByGroups_EqualTheDenseReference(ExpertCase layer) => Compare(layer, new GroupingOperators());

    private static void Compare(ExpertCase layer, IUnitOperators operators)
    {
        var weight = new Random(layer.Seed + 2);
        float[] weights = [.. Enumerable.Range(0, layer.Tokens * layer.Hidden).Select(_ => (float)weight.NextDouble())];
        var expected = new DenseExperts(layer).Differentiate(weights);

        using var scope = NewDisposeScope();
        var values = layer.Parameters();
        using var parameters = new ParameterViews(cat([.. layer.Layout.Parameters.Select(slot => tensor(values[slot.Role]))]), layer.Layout);
        using var found = new ParameterViews(empty([layer.Layout.ElementCount], dtype: float32).FillInPlace(float.NaN), layer.Layout);
        using var batch = UnitWalk.Batch(new MicroBatch(1, layer.Tokens, new long[layer.Tokens], new long[layer.Tokens], [.. Enumerable.Range(0, layer.Tokens).Select(place => (long)place)]), operators);
        using var tape = new Layer(layer.Config).Recompute(parameters, tensor(layer.Input(), [1, layer.Tokens, layer.Hidden]), batch);
        var inputGradient = tape.Backward(tensor(weights, [1, layer.Tokens, layer.Hidden]), found)!;

        static float[] Values(Tensor x) => x.contiguous().data<float>().ToArray();
        var given = layer.Layout.Parameters.ToDictionary(slot => slot.Role, slot => Values(found[slot.Role]));
        (given[DenseExperts.Output], given[DenseExperts.Input]) = (Values(tape.Output), Values(inputGradient));
        Numbers.AssertClose(expected, given, 1e-4);
    }
}

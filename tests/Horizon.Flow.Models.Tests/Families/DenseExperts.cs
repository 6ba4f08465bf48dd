using Horizon.Flow.Models.Common;
using Horizon.Flow.Models.Experts;
using Horizon.Flow.Units;
using static TorchSharp.torch;

namespace Horizon.Flow.Models.Tests.Families;

/// <summary>
/// The same layer in another way, in fp64: every expert computes every token, and the weights of those that are not chosen are zero. The choice is made
/// by sorting numbers on the host.
/// </summary>
internal sealed class DenseExperts(ExpertCase layer)
{
    private readonly ExpertConfig _config = layer.Config;

    /// <summary>The key of what the layer gives.</summary>
    public const string Output = "output";

    /// <summary>The key of the input's gradient.</summary>
    public const string Input = "input";

    /// <summary>The output, and the gradients of the sum of output * weight, those of parameters by their roles.</summary>
    public Dictionary<string, float[]> Differentiate(float[] weight)
    {
        using var scope = NewDisposeScope();
        var leaves = layer.Layout.Parameters.Zip(layer.Parameters()).ToDictionary(
            pair => pair.First.Role, pair => Leaf(pair.Second.Value, [.. pair.First.Shape]));
        var x = leaves[Input] = Leaf(layer.Input(), [layer.Tokens, layer.Hidden]);
        var weights = Weights(leaves, x);
        var terms = Enumerable.Range(0, _config.Count).Select(expert => weights.narrow(1, expert, 1) * Expert(leaves, x, expert)).ToList();
        if (_config.SharedWidth > 0) terms.Add(Shared(leaves, x));
        var output = stack(terms).sum([0L]);
        (output * tensor(weight, [layer.Tokens, layer.Hidden]).to(float64)).sum().backward();
        var found = leaves.ToDictionary(leaf => leaf.Key, leaf => Floats(leaf.Value.grad ?? zeros_like(leaf.Value)));
        found[Output] = Floats(output);
        return found;
    }

    private Tensor Weights(Dictionary<string, Tensor> leaves, Tensor x)
    {
        var read = _config.RouterNormEpsilon is not { } epsilon ? x
            : x / x.Squared().mean([-1], keepdim: true).Plus(epsilon).sqrt() * leaves[Roles.RouterScale].Over(Math.Sqrt(layer.Hidden));
        var logits = read.matmul(leaves[Roles.Router].t());
        if (_config.RouterBias) logits = logits.Plus(leaves[Roles.RouterBias]);
        var scores = _config.Router == RouterKind.Sigmoid ? logits.sigmoid() : nn.functional.softmax(logits, -1);
        var chosen = scores * tensor(Mask(Numbers(scores), leaves), [layer.Tokens, _config.Count]);
        // Softmax over the chosen alone is softmax over all, divided by the sum of the chosen.
        if (_config.Normalized || _config.Router == RouterKind.SoftmaxOfChosen) chosen /= chosen.sum([-1], keepdim: true);
        if (_config.RouterNormEpsilon is not null) chosen *= leaves[Roles.RouterExpertScale];
        return chosen.Times(_config.Scale);
    }

    private double[] Mask(double[] scores, Dictionary<string, Tensor> leaves)
    {
        var correction = _config.Router == RouterKind.Sigmoid ? Numbers(leaves[Roles.RouterCorrection]) : new double[_config.Count];
        var (mask, ofGroup) = (new double[scores.Length], _config.Count / _config.Groups);
        for (var token = 0; token < layer.Tokens; token++)
        {
            double Score(int expert) => scores[(token * _config.Count) + expert] + correction[expert];
            var groups = Enumerable.Range(0, _config.Groups).Select(group => Enumerable.Range(group * ofGroup, ofGroup).OrderByDescending(Score).ToList());
            var best = _config.Groups == 1 ? groups : groups.OrderByDescending(group => group.Take(2).Sum(Score)).Take(_config.ChosenGroups);
            foreach (var expert in best.SelectMany(group => group).OrderByDescending(Score).Take(_config.PerToken)) mask[(token * _config.Count) + expert] = 1;
        }

        return mask;
    }

    private Tensor Expert(Dictionary<string, Tensor> leaves, Tensor x, int expert)
    {
        if (_config.Fused)
        {
            var gateAndUp = leaves[Roles.ExpertsGateUp][expert].chunk(2, 0);
            return Gated(x, gateAndUp[0], gateAndUp[1], leaves[Roles.ExpertsDown][expert]);
        }

        if (_config.ClampedGate is not { } clamp)
            return Gated(x, leaves[Roles.ExpertGate(expert)], leaves[Roles.ExpertUp(expert)], leaves[Roles.ExpertDown(expert)]);
        var both = x.matmul(leaves[Roles.ExpertsGateUp][expert]).Plus(leaves[Roles.ExpertsGateUpBias][expert]);
        var (even, odd) = (TensorArithmetic.Range(both.shape[1], step: 2), TensorArithmetic.Range(both.shape[1], step: 2).Plus(1));
        var limit = tensor(clamp.Limit, float64);
        var gate = minimum(both.index_select(1, even), limit);
        var up = maximum(minimum(both.index_select(1, odd), limit), limit.neg());
        return (gate * gate.Times(clamp.Alpha).sigmoid() * up.Plus(1)).matmul(leaves[Roles.ExpertsDown][expert]).Plus(leaves[Roles.ExpertsDownBias][expert]);
    }

    private Tensor Shared(Dictionary<string, Tensor> leaves, Tensor x)
    {
        var output = Gated(x, leaves[Roles.SharedGate], leaves[Roles.SharedUp], leaves[Roles.SharedDown]);
        return _config.SharedGated ? output / x.matmul(leaves[Roles.SharedOpening].t()).neg().exp().Plus(1) : output;
    }

    private static Tensor Gated(Tensor x, Tensor gate, Tensor up, Tensor down)
    {
        var opened = x.matmul(gate.t());
        return (opened * opened.sigmoid() * x.matmul(up.t())).matmul(down.t());
    }

    private static Tensor Leaf(float[] values, long[] shape) => tensor(values, shape).to(float64).requires_grad_();

    private static double[] Numbers(Tensor x) => x.detach().contiguous().data<double>().ToArray();

    private static float[] Floats(Tensor x) => [.. Numbers(x).Select(value => (float)value)];
}

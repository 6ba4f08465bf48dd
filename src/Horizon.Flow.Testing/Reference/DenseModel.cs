using Horizon.Flow.Models;
using Horizon.Flow.Units;
using static TorchSharp.torch.nn.functional;
using static TorchSharp.torch;

namespace Horizon.Flow.Testing;

/// <summary>
/// The whole model as one autograd graph, written from the formulas of transformers with separate projections, explicit softmax and
/// full logits: nothing is shared with the code under test. Parameters go by the model folder's names.
/// </summary>
public sealed class DenseModel(ModelConfig config, IReadOnlyDictionary<string, Tensor> parameters)
{
    /// <summary>[rows, sequence, vocabulary].</summary>
    public Tensor Logits(long[] ids, long[] positions, long[]? documents, int rows, int sequence)
    {
        var x = Embed(tensor(ids, [rows, sequence]));
        var (cosine, sine) = Rotation(positions, rows, sequence);
        for (var layer = 0; layer < config.LayerCount; layer++)
        {
            var prefix = $"model.layers.{layer}.";
            var mask = Mask(documents, rows, sequence, config.SlidingWindow(layer));
            x = x.Plus(Attention(prefix + "self_attn.", Norm(prefix + "input_layernorm.weight", x), cosine, sine, mask));
            x = x.Plus(FeedForward(prefix + "mlp.", Norm(prefix + "post_attention_layernorm.weight", x)));
        }

        var head = config.TiedHead ? "model.embed_tokens.weight" : "lm_head.weight";
        return matmul(Norm("model.norm.weight", x), parameters[head].t());
    }

    /// <summary>The sum of the cross-entropies over the targets that are not -100.</summary>
    public Tensor LossSum(long[] ids, long[] targets, long[] positions, long[]? documents, int rows, int sequence)
    {
        var logits = Logits(ids, positions, documents, rows, sequence);
        return cross_entropy(logits.view(rows * sequence, -1), tensor(targets), ignore_index: -100, reduction: nn.Reduction.Sum);
    }

    private Tensor Embed(Tensor ids)
    {
        var rows = parameters["model.embed_tokens.weight"].index_select(0, ids.flatten()).view(ids.shape[0], ids.shape[1], -1);
        return config.PaddingToken is { } padding ? where(ids.With(padding, (x, token) => x.eq(token)).unsqueeze(-1), rows.detach(), rows) : rows;
    }

    private Tensor Attention(string prefix, Tensor x, Tensor cosine, Tensor sine, Tensor mask)
    {
        var query = Heads(prefix + "q_proj", x, config.HeadCount);
        var key = Heads(prefix + "k_proj", x, config.KeyValueHeadCount);
        var value = Heads(prefix + "v_proj", x, config.KeyValueHeadCount).transpose(1, 2);
        if (config.QueryKeyNorm)
        {
            query = Norm(prefix + "q_norm.weight", query);
            key = Norm(prefix + "k_norm.weight", key);
        }

        var groups = config.HeadCount / config.KeyValueHeadCount;
        query = Rotate(query.transpose(1, 2), cosine, sine);
        key = Rotate(key.transpose(1, 2), cosine, sine).repeat_interleave(groups, 1);
        value = value.repeat_interleave(groups, 1);
        var scores = matmul(query, key.transpose(2, 3)).Over(Math.Sqrt(config.HeadDimension));
        var weights = softmax(scores.With(double.NegativeInfinity, (x, hidden) => x.masked_fill(mask.logical_not(), hidden)), -1);
        var mixed = matmul(weights, value).transpose(1, 2).contiguous().view(x.shape[0], x.shape[1], -1);
        return Linear(prefix + "o_proj", mixed);
    }

    private Tensor FeedForward(string prefix, Tensor x) =>
        Linear(prefix + "down_proj", silu(Linear(prefix + "gate_proj", x)) * Linear(prefix + "up_proj", x));

    private Tensor Heads(string name, Tensor x, int heads) =>
        Linear(name, x).view(x.shape[0], x.shape[1], heads, config.HeadDimension);

    private Tensor Linear(string name, Tensor x)
    {
        var y = matmul(x, parameters[name + ".weight"].t());
        return parameters.TryGetValue(name + ".bias", out var bias) ? y.Plus(bias) : y;
    }

    private Tensor Norm(string name, Tensor x) =>
        parameters[name] * (x / sqrt((x * x).mean([-1], keepdim: true).Plus(config.NormEpsilon)));

    private Tensor Rotate(Tensor x, Tensor cosine, Tensor sine)
    {
        var half = config.HeadDimension / 2;
        var turned = cat([-x.narrow(-1, half, half), x.narrow(-1, 0, half)], -1);
        return (x * cosine).Plus(turned * sine);
    }

    // [rows, 1, sequence, head width], cosines and sines of angles in double.
    private (Tensor Cosine, Tensor Sine) Rotation(long[] positions, int rows, int sequence)
    {
        var width = config.HeadDimension;
        var frequencies = Enumerable.Range(0, width / 2).Select(pair => Frequency(config.Rope, pair, width)).ToArray();
        var angles = positions.SelectMany(position => Enumerable.Range(0, width).Select(channel => position * frequencies[channel % (width / 2)])).ToArray();
        Tensor Table(Func<double, double> function) =>
            tensor(angles.Select(function).ToArray(), [rows, sequence, width]).unsqueeze(1).to(parameters["model.norm.weight"].dtype);
        return (Table(Math.Cos), Table(Math.Sin));
    }

    /// <summary>Radians a token of one pair of channels.</summary>
    public static double Frequency(RopeConfig rope, int pair, int headDimension, int longest = 1)
    {
        ArgumentNullException.ThrowIfNull(rope);
        var frequency = Math.Pow(rope.Theta, -2.0 * pair / headDimension);
        double original = rope.OriginalMaximumSequenceLength;
        switch (rope.Kind)
        {
            case RopeKind.Default: return frequency;
            case RopeKind.Linear: return frequency / rope.Factor;
            case RopeKind.LongRope: return frequency / (longest > original ? rope.LongFactors : rope.ShortFactors)[pair];
            case RopeKind.Proportional: return pair < Math.Floor(rope.RotatedFraction * headDimension / 2) ? frequency / rope.Factor : 0;
            case RopeKind.Dynamic:
                var growth = (rope.Factor * Math.Max(longest, original) / original) - (rope.Factor - 1);
                return Math.Pow(rope.Theta * Math.Pow(growth, headDimension / (headDimension - 2.0)), -2.0 * pair / headDimension);
            case RopeKind.Yarn:
                // The pair that turns so often within the original context: original * frequency = 2 pi turns.
                double Pair(double turns) => headDimension / 2.0 * Math.Log(original / (2 * Math.PI * turns), rope.Theta);
                var (from, to) = (Pair(rope.BetaFast), Pair(rope.BetaSlow));
                if (rope.Truncate) (from, to) = (Math.Floor(from), Math.Ceiling(to));
                (from, to) = (Math.Max(from, 0), Math.Min(to, headDimension - 1));
                var share = Math.Clamp((pair - from) / (from == to ? 0.001 : to - from), 0, 1);
                return (share * frequency / rope.Factor) + ((1 - share) * frequency);
        }

        var wavelength = 2 * Math.PI / frequency;
        if (wavelength < rope.OriginalMaximumSequenceLength / rope.HighFrequencyFactor) return frequency;
        if (wavelength > rope.OriginalMaximumSequenceLength / rope.LowFrequencyFactor) return frequency / rope.Factor;
        var smooth = (rope.OriginalMaximumSequenceLength / wavelength - rope.LowFrequencyFactor) / (rope.HighFrequencyFactor - rope.LowFrequencyFactor);
        return ((1 - smooth) * frequency / rope.Factor) + (smooth * frequency);
    }

    // [rows, 1, sequence, sequence].
    private static Tensor Mask(long[]? documents, int rows, int sequence, int? window)
    {
        var allowed = new bool[rows * sequence * sequence];
        for (var row = 0; row < rows; row++)
            for (var query = 0; query < sequence; query++)
                for (var key = 0; key <= query; key++)
                {
                    var same = documents is null || documents[(row * sequence) + query] == documents[(row * sequence) + key];
                    allowed[(((row * sequence) + query) * sequence) + key] = same && (window is null || query - key < window);
                }

        return tensor(allowed, [rows, 1, sequence, sequence]);
    }
}

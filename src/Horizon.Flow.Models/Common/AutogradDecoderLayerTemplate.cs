using Horizon.Flow.Models.Adapters;
using Horizon.Flow.Models.Attention;
using Horizon.Flow.Units;
using static TorchSharp.torch.nn.functional;
using static TorchSharp.torch;

namespace Horizon.Flow.Models.Common;

// Letters: B batch, S sequence, Q query heads, K key/value heads, D head width, H hidden, F feed-forward width.

/// <summary>
/// A decoder layer of the Llama kind, as transformers computes it: h = x + attention(norm(x)), y = h + feed-forward(norm(h)),
/// with grouped-query attention, rotary embedding and SwiGLU; biases, norms on query and key heads and a sliding window as the
/// configuration says. Its backward is derived by autograd: slower than <see cref="DecoderLayerTemplate"/>, and a start for variants.
/// </summary>
public sealed class AutogradDecoderLayerTemplate : AutogradTemplate
{
    private readonly ModelConfig _config;
    private readonly RotaryEmbedding _rotary;
    private readonly int? _slidingWindow;

    /// <summary>Creates the operators of all layers with this window.</summary>
    /// <param name="config">Numbers of heads and widths.</param>
    /// <param name="rotary">Shared by the layers of a model.</param>
    /// <param name="slidingWindow">A token sees this many tokens, itself included; null for all.</param>
    public AutogradDecoderLayerTemplate(ModelConfig config, RotaryEmbedding rotary, int? slidingWindow)
    {
        _config = config;
        _rotary = rotary;
        _slidingWindow = slidingWindow;
    }

    /// <inheritdoc/>
    public override int LongestRecall => _rotary.LongestSteady;

    /// <inheritdoc/>
    protected override Tensor Compute(ParameterViews parameters, Tensor? input, DeviceBatch batch)
    {
        ArgumentNullException.ThrowIfNull(parameters);
        ArgumentNullException.ThrowIfNull(input);
        ArgumentNullException.ThrowIfNull(batch);
        var hidden = input.Plus(Attention(parameters, Norm(parameters, Roles.InputNorm, input), batch));
        return hidden.Plus(FeedForward(parameters, Norm(parameters, Roles.PostAttentionNorm, hidden)));
    }

    private Tensor Attention(ParameterViews parameters, Tensor x_BSH, DeviceBatch batch)
    {
        var (B, S) = (x_BSH.shape[0], x_BSH.shape[1]);
        var (Q, K, D) = (_config.HeadCount, _config.KeyValueHeadCount, _config.HeadDimension);
        var bias = _config.QueryKeyValueBias ? parameters.Stacked(Roles.QueryBias, Roles.ValueBias) : null;
        var heads_BSND = Product(parameters, Roles.Query, Roles.Value, x_BSH, bias).view(B, S, Q + (2 * K), D);
        var query_BSQD = heads_BSND.narrow(2, 0, Q);
        var key_BSKD = heads_BSND.narrow(2, Q, K);
        var value_BSKD = heads_BSND.narrow(2, Q + K, K);
        if (_config.QueryKeyNorm)
        {
            query_BSQD = Norm(parameters, Roles.QueryNorm, query_BSQD);
            key_BSKD = Norm(parameters, Roles.KeyNorm, key_BSKD);
        }

        key_BSKD = _rotary.Apply(key_BSKD, batch);
        if (batch.Recall is { } recall) (key_BSKD, value_BSKD) = (recall.Extend(parameters, Roles.Key, key_BSKD), recall.Extend(parameters, Roles.Value, value_BSKD));
        var mixed_BSQD = CausalMixing.Mix(_rotary.Apply(query_BSQD, batch), key_BSKD, value_BSKD, null, _slidingWindow, batch);
        var outputBias = _config.AttentionOutputBias ? parameters[Roles.OutputBias] : null;
        return Product(parameters, Roles.Output, Roles.Output, mixed_BSQD.flatten(2), outputBias);
    }

    private Tensor FeedForward(ParameterViews parameters, Tensor x_BSH)
    {
        var (F, bias) = (_config.IntermediateSize, _config.FeedForwardBias);
        var both_BS2F = Product(parameters, Roles.Gate, Roles.Up, x_BSH, bias ? parameters.Stacked(Roles.GateBias, Roles.UpBias) : null);
        var gated_BSF = both_BS2F.narrow(-1, 0, F).silu() * both_BS2F.narrow(-1, F, F);
        return Product(parameters, Roles.Down, Roles.Down, gated_BSF, bias ? parameters[Roles.DownBias] : null);
    }

    private Tensor Product(ParameterViews parameters, string first, string last, Tensor x, Tensor? bias) =>
        AdapterProducts.Add(_config.Adapter, parameters, first, last, x, linear(x, parameters.Stacked(first, last), bias));

    private Tensor Norm(ParameterViews parameters, string role, Tensor x) => RmsNorm.Apply(x, parameters[role], _config.NormEpsilon);
}

using System.Text.Json;
using Horizon.Flow.Models.Tests.Reference;
using Horizon.Flow.Units;
using static TorchSharp.torch;

namespace Horizon.Flow.Models.Tests.Families;

/// <summary>
/// GLM-4 in fp64, with the whole autograd graph in memory and AdamW beside it: written from the model's description, and of the checkpoint's configuration alone.
/// What is right to eight more digits tells which of two fp32 results is.
/// </summary>
internal sealed class Glm4Double : IDisposable
{
    private readonly SafetensorsReader _io;
    private readonly JsonDocument _config;
    private readonly JsonDocument _expected;
    private readonly Dictionary<string, Tensor> _parameters;
    private readonly Dictionary<string, (Tensor First, Tensor Second)> _moments = [];

    public Glm4Double(string folder)
    {
        JsonDocument Json(string name) => JsonDocument.Parse(File.ReadAllText(Path.Combine(folder, name)));
        var weights = new SafetensorsReader(Path.Combine(folder, "model.safetensors"));
        (_io, _config, _expected) = (new SafetensorsReader(Path.Combine(folder, "io.safetensors")), Json("config.json"), Json("expected.json"));
        _parameters = weights.Names.ToDictionary(name => name, name => tensor(weights.Floats(name), weights.Shape(name), dtype: float64).requires_grad_());
        HeadWidth = Number("head_dim");
        Turned = (int)(HeadWidth * _config.RootElement.GetProperty("partial_rotary_factor").GetDouble());
    }

    /// <summary>D.</summary>
    public int HeadWidth { get; }

    /// <summary>Channels of a head that the rotary embedding turns; the first ones.</summary>
    public int Turned { get; }

    /// <summary>A parameter's numbers as they are now.</summary>
    public double[] this[string name] => _parameters[name].detach().flatten().data<double>().ToArray();

    public IEnumerable<string> Names => _parameters.Keys;

    /// <summary>The gradients of a step's loss, before clipping.</summary>
    public (double Loss, Dictionary<string, double[]> Gradients) Differentiate(int step)
    {
        using var scope = NewDisposeScope();
        var loss = Loss(step);
        var found = autograd.grad([loss], [.. _parameters.Values]);
        return (loss.item<double>(), _parameters.Keys.Zip(found).ToDictionary(pair => pair.First, pair => pair.Second.flatten().data<double>().ToArray()));
    }

    /// <summary>One step of AdamW.</summary>
    public void Step(int step)
    {
        using var scope = NewDisposeScope();
        var settings = _expected.RootElement.GetProperty("optimizer");
        double Setting(string name) => settings.GetProperty(name).GetDouble();
        var (first, second) = (settings.GetProperty("betas")[0].GetDouble(), settings.GetProperty("betas")[1].GetDouble());
        var found = autograd.grad([Loss(step)], [.. _parameters.Values]);
        using var noGrad = no_grad();
        var norm = Math.Sqrt(found.Sum(gradient => gradient.Squared().sum().item<double>()));
        var clip = Math.Min(1, Setting("max_grad_norm") / (norm + 1e-6));
        foreach (var (name, gradient) in _parameters.Keys.Zip(found).ToList())
        {
            var scaled = gradient.Times(clip);
            var (m, v) = _moments.TryGetValue(name, out var earlier) ? earlier : (zeros_like(scaled), zeros_like(scaled));
            _moments[name] = (m, v) = (m.Times(first).Plus(scaled.Times(1 - first)).DetachFromDisposeScope(), v.Times(second).Plus(scaled.Squared().Times(1 - second)).DetachFromDisposeScope());
            var change = m.Over(1 - Math.Pow(first, step + 1)) / v.Over(1 - Math.Pow(second, step + 1)).sqrt().Plus(Setting("eps"));
            var moved = _parameters[name].Times(1 - (Setting("lr") * Setting("weight_decay"))).Plus(change.Times(-Setting("lr")));
            _parameters[name].Dispose();
            _parameters[name] = moved.requires_grad_().DetachFromDisposeScope();
        }
    }

    public void Dispose()
    {
        foreach (var parameter in _parameters.Values) parameter.Dispose();
        foreach (var (m, v) in _moments.Values)
        {
            m.Dispose();
            v.Dispose();
        }

        _config.Dispose();
        _expected.Dispose();
    }

    private int Number(string name) => _config.RootElement.GetProperty(name).GetInt32();

    // Rows 2s and 2s + 1 of the file; the label of a token stands at its own place.
    private Tensor Loss(int step)
    {
        var ids = tensor(_io.Integers("input_ids"), _io.Shape("input_ids")).narrow(0, 2 * step, 2);
        var labels = tensor(_io.Integers("labels"), _io.Shape("labels")).narrow(0, 2 * step, 2);
        var x = _parameters["model.embed_tokens.weight"].index_select(0, ids.flatten()).view(ids.shape[0], ids.shape[1], -1);
        for (var layer = 0; layer < Number("num_hidden_layers"); layer++) x = Layer($"model.layers.{layer}.", x);
        var logits = Normed("model.norm.weight", x).matmul(_parameters["lm_head.weight"].t());
        return nn.functional.cross_entropy(logits.narrow(1, 0, ids.shape[1] - 1).flatten(0, 1), labels.narrow(1, 1, ids.shape[1] - 1).flatten(), ignore_index: -100);
    }

    private Tensor Layer(string prefix, Tensor x)
    {
        Tensor Norm(string name, Tensor input) => Normed($"{prefix}{name}.weight", input);
        x = x.Plus(Norm("post_self_attn_layernorm", Attention($"{prefix}self_attn.", Norm("input_layernorm", x))));
        var both = Norm("post_attention_layernorm", x).matmul(_parameters[prefix + "mlp.gate_up_proj.weight"].t()).chunk(2, -1);
        return x.Plus(Norm("post_mlp_layernorm", (both[0].sigmoid() * both[0] * both[1]).matmul(_parameters[prefix + "mlp.down_proj.weight"].t())));
    }

    private Tensor Attention(string prefix, Tensor x)
    {
        var (rows, length, groups) = (x.shape[0], x.shape[1], Number("num_attention_heads") / Number("num_key_value_heads"));
        Tensor Heads(string name) => x.matmul(_parameters[$"{prefix}{name}.weight"].t()).Plus(_parameters[$"{prefix}{name}.bias"]).view(rows, length, -1, HeadWidth).transpose(1, 2);
        var (query, key, value) = (Turn(Heads("q_proj")), Turn(Heads("k_proj")).repeat_interleave(groups, 1), Heads("v_proj").repeat_interleave(groups, 1));
        var later = ones([length, length], ScalarType.Bool).triu(1);
        var scores = query.matmul(key.transpose(2, 3)).Over(Math.Sqrt(HeadWidth)).With(double.NegativeInfinity, (all, nothing) => all.masked_fill(later, nothing));
        return scores.softmax(-1).matmul(value).transpose(1, 2).reshape(rows, length, -1).matmul(_parameters[prefix + "o_proj.weight"].t());
    }

    // Neighbouring channels turn together; the rest of a head stays.
    private Tensor Turn(Tensor x)
    {
        var theta = _config.RootElement.GetProperty("rope_parameters").GetProperty("rope_theta").GetDouble();
        var (length, pairs) = (x.shape[2], Turned / 2);
        var angles = tensor([.. Enumerable.Range(0, (int)length).SelectMany(place => Enumerable.Range(0, pairs).Select(pair => place * Math.Pow(theta, -2.0 * pair / Turned)))], [length, pairs], dtype: float64);
        var turned = x.narrow(-1, 0, Turned).unflatten(3, [pairs, 2]);
        var (a, b) = (turned.select(-1, 0), turned.select(-1, 1));
        return cat([stack([(a * angles.cos()) - (b * angles.sin()), (b * angles.cos()).Plus(a * angles.sin())], -1).flatten(3), x.narrow(-1, Turned, HeadWidth - Turned)], -1);
    }

    private Tensor Normed(string name, Tensor x) =>
        _parameters[name] * x * x.Squared().mean([-1], keepdim: true).Plus(_config.RootElement.GetProperty("rms_norm_eps").GetDouble()).rsqrt();
}

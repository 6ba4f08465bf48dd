using System.Text;
using System.Text.Json;
using Horizon.Flow.Host.ModelFolders;
using Horizon.Flow.Host.Safetensors;
using Horizon.Flow.Models;

namespace Horizon.Flow.Cli.Tests.Runs;

/// <summary>Models with experts as they are published, quantized: trained and written as bf16, with what steps say of their experts.</summary>
public sealed class QuantizedCheckpointTests : IDisposable
{
    private readonly RunFolder _run = new();
    private readonly Random _random = new(1);
    private readonly Dictionary<string, object> _header = [];
    private readonly List<byte> _data = [];

    public void Dispose() => _run.Dispose();

    /// <summary>A gpt-oss: experts in MXFP4, of each matrix its blocks and their scales.</summary>
    [Fact]
    public async Task Train_Mxfp4Checkpoint_WritesBf16ThatSaysSo()
    {
        using var checkpoint = await TrainAsync(
            """
            {
              "architectures": ["GptOssForCausalLM"], "vocab_size": 16, "hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2,
              "num_key_value_heads": 1, "head_dim": 8, "num_local_experts": 4, "num_experts_per_tok": 2, "sliding_window": 4, "max_position_embeddings": 64,
              "quantization_config": { "quant_method": "mxfp4", "modules_to_not_convert": ["lm_head"] }
            }
            """,
            "_proj",
            (name, shape, count) =>
            {
                long[] scales = [shape[0], shape[2], shape[1] / 32];
                Add(name + "_blocks", "U8", [.. scales, 16], Bytes(count / 2, () => (byte)_random.Next(256)));
                Add(name + "_scales", "U8", scales, Bytes(count / 32, () => (byte)_random.Next(118, 122)));
            });
        Assert.Equal([4, 32, 64], checkpoint.Find("model.layers.1.mlp.experts.gate_up_proj")!.Shape);
        Assert.Equal(2, _run.Metric("loss").Count());
        // Two of four experts a token: the fullest has half of the tokens at least, the emptiest at most.
        Assert.Equal(2, _run.Metric("expert_load_max").Count(share => share is >= 0.5 and <= 1));
        Assert.Equal(2, _run.Metric("expert_load_min").Count(share => share is >= 0 and <= 0.5));
    }

    /// <summary>A Qwen3-MoE: matrices of 8-bit floats and the scales of their blocks, the loss that balances its experts beside the other.</summary>
    [Fact]
    public async Task Train_Fp8Checkpoint_WritesBf16ThatSaysSo()
    {
        using var checkpoint = await TrainAsync(
            """
            {
              "architectures": ["Qwen3MoeForCausalLM"], "vocab_size": 16, "hidden_size": 136, "intermediate_size": 32, "moe_intermediate_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2,
              "num_key_value_heads": 1, "head_dim": 8, "num_experts": 4, "num_experts_per_tok": 2, "max_position_embeddings": 64, "output_router_logits": true, "router_aux_loss_coef": 0.25,
              "quantization_config": { "activation_scheme": "dynamic", "fmt": "e4m3", "quant_method": "fp8", "weight_block_size": [128, 128], "modules_to_not_convert": ["lm_head"] }
            }
            """,
            "_proj.weight",
            (name, shape, count) =>
            {
                long[] blocks = [.. shape.Select(extent => (extent + 127) / 128)];
                Add(name, "F8_E4M3", shape, Bytes(count, () => (byte)(_random.Next(0x40) + (128 * _random.Next(2)))));
                Add($"{name}_scale_inv", "F32", blocks, Floats(blocks[0] * blocks[1], () => 0.02f + (0.02f * _random.NextSingle())));
            });
        Assert.DoesNotContain(checkpoint.TensorNames, name => name.Contains("scale", StringComparison.Ordinal));
        // Even loads give the factor times the experts of a token.
        Assert.Equal(2, _run.Metric("load_balancing_loss").Count(loss => loss is > 0.25 and < 1));
        Assert.All(_run.Metric("loss").Zip(_run.Metric("load_balancing_loss")), losses => Assert.True(losses.First > losses.Second));
    }

    // Trains two steps on a model of small random numbers, of which some matrices are quantized; what it leaves is bf16 and says so.
    private async Task<WeightFiles> TrainAsync(string config, string ending, Action<string, IReadOnlyList<long>, long> quantized)
    {
        _run.Write("model/config.json", config);
        foreach (var slot in ModelFamilies.Define(ModelFolder.ReadConfig(_run.In("model"))).Units.SelectMany(unit => unit.Parameters))
        {
            if (slot.TensorName.EndsWith(ending, StringComparison.Ordinal)) quantized(slot.TensorName, slot.Shape, slot.Count);
            else Add(slot.TensorName, "F32", slot.Shape, Floats(slot.Count, () => (_random.NextSingle() - 0.5f) / 4));
        }

        var json = Encoding.UTF8.GetBytes(JsonSerializer.Serialize(_header));
        await File.WriteAllBytesAsync(_run.In("model/model.safetensors"), [.. BitConverter.GetBytes((long)json.Length), .. json, .. _data]);
        long[] ids = [.. Enumerable.Range(0, 8).Select(place => (long)(place * 5 % 16))];
        _run.WriteTokens("rows.jsonl", (ids, ids), (ids, ids));
        _run.Write("run.yaml", """
            model:     { path: model }
            data:      { path: rows.jsonl, format: tokens, packing: false }
            training:  { batch_size: 1, precision: bf16 }
            output:    { directory: out }
            device:    cpu
            """);
        var run = await _run.TrainAsync();
        Assert.Equal((ExitCodes.Success, ""), (run.ExitCode, run.Error));
        using var written = JsonDocument.Parse(await File.ReadAllTextAsync(Path.Combine(_run.Model, "config.json")));
        Assert.False(written.RootElement.TryGetProperty("quantization_config", out _));
        var checkpoint = WeightFiles.Open(_run.Model);
        Assert.All(checkpoint.TensorNames, name => Assert.Equal(SafetensorsType.BF16, checkpoint.Find(name)!.Type));
        return checkpoint;
    }

    private void Add(string name, string type, IEnumerable<long> shape, IEnumerable<byte> bytes)
    {
        var first = _data.Count;
        _data.AddRange(bytes);
        _header[name] = new { dtype = type, shape, data_offsets = new[] { first, _data.Count } };
    }

    private static IEnumerable<byte> Bytes(long count, Func<byte> next) => Enumerable.Range(0, (int)count).Select(_ => next());

    private static IEnumerable<byte> Floats(long count, Func<float> next) => Enumerable.Range(0, (int)count).SelectMany(_ => BitConverter.GetBytes(next()));
}

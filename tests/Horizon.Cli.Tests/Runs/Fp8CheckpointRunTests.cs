using System.Text;
using System.Text.Json;
using Horizon.Flow.Host.ModelFolders;
using Horizon.Flow.Host.Safetensors;
using Horizon.Flow.Models;

namespace Horizon.Flow.Cli.Tests.Runs;

/// <summary>A model whose matrices are published as 8-bit floats with scales: trained and written as bf16, the loss that balances its experts beside the other.</summary>
[Collection("signals")]
public sealed class Fp8CheckpointRunTests : IDisposable
{
    private const string Config = """
        {
          "architectures": ["Qwen3MoeForCausalLM"], "vocab_size": 16, "hidden_size": 136, "intermediate_size": 32, "moe_intermediate_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2,
          "num_key_value_heads": 1, "head_dim": 8, "num_experts": 4, "num_experts_per_tok": 2, "max_position_embeddings": 64, "output_router_logits": true, "router_aux_loss_coef": 0.25,
          "quantization_config": { "activation_scheme": "dynamic", "fmt": "e4m3", "quant_method": "fp8", "weight_block_size": [128, 128], "modules_to_not_convert": ["lm_head"] }
        }
        """;

    private readonly RunFolder _run = new();

    public void Dispose() => _run.Dispose();

    [Fact]
    public async Task Train_Fp8Checkpoint_WritesBf16ThatSaysSo()
    {
        _run.Write("model/config.json", Config);
        await File.WriteAllBytesAsync(_run.In("model/model.safetensors"), Checkpoint());
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
        using var config = JsonDocument.Parse(await File.ReadAllTextAsync(Path.Combine(_run.Model, "config.json")));
        Assert.False(config.RootElement.TryGetProperty("quantization_config", out _));
        using var checkpoint = WeightFiles.Open(_run.Model);
        Assert.All(checkpoint.TensorNames, name => Assert.Equal(SafetensorsType.BF16, checkpoint.Find(name)!.Type));
        Assert.DoesNotContain(checkpoint.TensorNames, name => name.Contains("scale", StringComparison.Ordinal));
        // Even loads give the factor times the experts of a token.
        Assert.Equal(2, _run.Metric("load_balancing_loss").Count(loss => loss is > 0.25 and < 1));
        Assert.All(_run.Metric("loss").Zip(_run.Metric("load_balancing_loss")), losses => Assert.True(losses.First > losses.Second));
    }

    // Small random numbers; of the layers' matrices 8-bit floats and the scales of their blocks.
    private byte[] Checkpoint()
    {
        var random = new Random(1);
        var (header, data) = (new Dictionary<string, object>(), new List<byte>());
        void Add(string name, string type, IEnumerable<long> shape, IEnumerable<byte> bytes)
        {
            var first = data.Count;
            data.AddRange(bytes);
            header[name] = new { dtype = type, shape, data_offsets = new[] { first, data.Count } };
        }

        foreach (var slot in ModelFamilies.Define(ModelFolder.ReadConfig(_run.In("model"))).Units.SelectMany(unit => unit.Parameters))
        {
            if (slot.TensorName.EndsWith("_proj.weight", StringComparison.Ordinal))
            {
                long[] blocks = [.. slot.Shape.Select(extent => (extent + 127) / 128)];
                Add(slot.TensorName, "F8_E4M3", slot.Shape, Enumerable.Range(0, (int)slot.Count).Select(_ => (byte)(random.Next(0x40) + (128 * random.Next(2)))));
                Add($"{slot.TensorName}_scale_inv", "F32", blocks, Enumerable.Range(0, (int)(blocks[0] * blocks[1])).SelectMany(_ => BitConverter.GetBytes(0.02f + (0.02f * random.NextSingle()))));
            }
            else
            {
                Add(slot.TensorName, "F32", slot.Shape, Enumerable.Range(0, (int)slot.Count).SelectMany(_ => BitConverter.GetBytes((random.NextSingle() - 0.5f) / 4)));
            }
        }

        var json = Encoding.UTF8.GetBytes(JsonSerializer.Serialize(header));
        return [.. BitConverter.GetBytes((long)json.Length), .. json, .. data];
    }
}

using System.Text;
using System.Text.Json;
using Horizon.Flow.Host.ModelFolders;
using Horizon.Flow.Host.Safetensors;
using Horizon.Flow.Models;

namespace Horizon.Flow.Cli.Tests.Runs;

/// <summary>A gpt-oss as it is published: experts in MXFP4, trained and written as bf16.</summary>
[Collection("signals")]
public sealed class MicroscaledRunTests : IDisposable
{
    private const string Config = """
        {
          "architectures": ["GptOssForCausalLM"], "vocab_size": 16, "hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2,
          "num_key_value_heads": 1, "head_dim": 8, "num_local_experts": 4, "num_experts_per_tok": 2, "sliding_window": 4, "max_position_embeddings": 64,
          "quantization_config": { "quant_method": "mxfp4", "modules_to_not_convert": ["lm_head"] }
        }
        """;

    private readonly RunFolder _run = new();

    public void Dispose() => _run.Dispose();

    [Fact]
    public async Task Train_Mxfp4Checkpoint_WritesBf16ThatSaysSo()
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
        Assert.Equal([4, 32, 64], checkpoint.Find("model.layers.1.mlp.experts.gate_up_proj")!.Shape);
        Assert.Equal(2, _run.Metric("loss").Count());
        // Two of four experts a token: the fullest has half of the tokens at least, the emptiest at most.
        Assert.Equal(2, _run.Metric("expert_load_max").Count(share => share is >= 0.5 and <= 1));
        Assert.Equal(2, _run.Metric("expert_load_min").Count(share => share is >= 0 and <= 0.5));
    }

    // Small random numbers; of an expert's matrix its blocks and scales.
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
            if (slot.TensorName.EndsWith("_proj", StringComparison.Ordinal))
            {
                long[] scales = [slot.Shape[0], slot.Shape[2], slot.Shape[1] / 32];
                Add(slot.TensorName + "_blocks", "U8", [.. scales, 16], Enumerable.Range(0, (int)slot.Count / 2).Select(_ => (byte)random.Next(256)));
                Add(slot.TensorName + "_scales", "U8", scales, Enumerable.Range(0, (int)slot.Count / 32).Select(_ => (byte)random.Next(118, 122)));
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

using Horizon.Flow.Runs.Blueprint;
using Horizon.Flow.Runs.Sections;
using Horizon.Flow.Tests.Shared;

namespace Horizon.Flow.Runs.Tests.Data;

public sealed class SequenceLengthTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    /// <summary>Unset, a row is as long as the model allows, up to 2,048 tokens; what is set counts, up to the model's limit.</summary>
    [Theory]
    [InlineData(null, 512, 512)]
    [InlineData(null, 2048, 2048)]
    [InlineData(null, 32_768, 2048)]
    [InlineData(128, 512, 128)]
    [InlineData(4096, 32_768, 4096)]
    [InlineData(1000, 512, 512)]
    public void Of_SequenceLength_IsWhatTheModelAllows(int? set, int limit, int expected)
    {
        _folder.Write(
            "config.json",
            $$"""
            {"architectures":["LlamaForCausalLM"],"hidden_size":64,"intermediate_size":160,"num_hidden_layers":2,"num_attention_heads":4,
            "num_key_value_heads":2,"vocab_size":320,"max_position_embeddings":{{limit}},"rms_norm_eps":1e-6,"hidden_act":"silu"}
            """);
        var configuration = new RunConfiguration { Model = new() { Path = _folder.Path }, Data = new() { SequenceLength = set } };
        Assert.Equal(expected, RunBlueprint.Of(configuration).SequenceLength);
    }
}

using System.Text.Json.Nodes;
using Horizon.Flow.Models;

namespace Horizon.Flow.Cli.Tests.Runs;

/// <summary>What the user can mend gets one sentence and a non-zero exit, and leaves nothing behind.</summary>
public sealed class BadInputTests : IDisposable
{
    private readonly RunFolder _run = new();

    public BadInputTests()
    {
        _run.Write("data.txt", "Once upon a time there was a model.");
        Configure(RunFolder.Stories);
    }

    public void Dispose() => _run.Dispose();

    [Fact]
    public Task Weights_Missing() => Refused("model.safetensors", model => File.Delete(Path.Combine(model, "model.safetensors")));

    [Theory]
    [InlineData(0)]
    [InlineData(4)]
    [InlineData(1000)]
    [InlineData(-1)]
    public Task Weights_CutOff(int bytes) => Refused("model.safetensors", model =>
    {
        using var file = File.OpenWrite(Path.Combine(model, "model.safetensors"));
        file.SetLength(bytes < 0 ? file.Length + bytes : bytes);
    });

    [Fact]
    public Task Weights_OfAnotherShapeThanTheConfiguration() =>
        Refused("model.layers.0.mlp.gate_proj.weight", model => Change(model, "intermediate_size", 180));

    [Fact]
    public Task Weights_OfFewerLayersThanTheConfiguration() => Refused("lacks 9 tensors", model => Change(model, "num_hidden_layers", 6));

    [Fact]
    public Task Architecture_Unknown_NamesTheKnownOnes() => Refused(
        $"'MambaForCausalLM' is not known; known are {string.Join(", ", ModelRegistry.Default.Architectures)}",
        model => Change(model, "architectures", new JsonArray("MambaForCausalLM")));

    [Fact]
    public Task ModelConfiguration_Missing() => Refused("config.json", model => File.Delete(Path.Combine(model, "config.json")));

    [Fact]
    public Task ModelConfiguration_NoJson() => Refused("config.json", model => File.WriteAllText(Path.Combine(model, "config.json"), "{ \"hidden_size\": "));

    [Fact]
    public Task Tokenizer_Missing() => Refused("tokenizer.json", model => File.Delete(Path.Combine(model, "tokenizer.json")));

    [Fact]
    public Task Memory_NotEnough_SaysTheNumbers() => Refused(
        "not enough memory: host memory, ",
        model =>
        {
            Change(model, "hidden_size", 65536);
            Change(model, "intermediate_size", 1 << 20);
            Change(model, "num_hidden_layers", 100);
        },
        "model.init=random");

    [Theory]
    [InlineData("training.batchsize=1", "unknown key 'training.batchsize'; the nearest known key is 'training.batch_size'")]
    [InlineData("training.freeze=[embed]", "training.freeze: 'embed' is no unit of the model; its units are embedding and head, layer 0")]
    [InlineData("device=cuda:99", "error: ")]
    public Task Setting_Wrong(string set, string expected) => Refused(expected, null, set);

    [Fact]
    public async Task Yaml_Unreadable_NamesTheLine()
    {
        _run.Write("run.yaml", "model: { path: x }\ndata: { path: [ }\n");
        await Refused("run.yaml:2");
    }

    [Theory]
    [InlineData("empty.txt", "", "is empty")]
    [InlineData("empty.jsonl", "", "empty.jsonl")]
    [InlineData("beyond.jsonl", """{"input_ids":[1,2,512,3]}""", "token id 512")]
    [InlineData("beyond.jsonl", """{"input_ids":[1,2,3],"labels":[1,512,3]}""", "label 512")]
    [InlineData("negative.jsonl", """{"input_ids":[1,-7,3]}""", "token id -7")]
    [InlineData("masked.jsonl", """{"input_ids":[1,2,3],"labels":[-100,-100,-100]}""", "every label is -100")]
    [InlineData("odd.jsonl", """{"input_ids":[1,2,3],"labels":[1]}""", "3 input_ids but 1 labels")]
    [InlineData("broken.jsonl", """{"input_ids":[1,2""", "broken.jsonl")]
    [InlineData("chat.jsonl", """{"messages":[{"role":"user","content":"hi"},{"role":"assistant","content":"ho"}]}""", "chat template")]
    public async Task Data_Wrong(string name, string text, string expected) =>
        await Refused(expected, null, $"data.path={_run.Write(name, text)}");

    [Fact]
    public async Task Data_LongerThanTheModelAllows()
    {
        var ids = Enumerable.Range(0, 513).Select(_ => 7L).ToArray();
        var data = _run.WriteTokens("long.jsonl", (ids, ids));
        await Refused("has a sequence of 513 tokens, the model allows 512", null, $"data.path={data}", "data.sequence_length=1000", "data.packing=false");
    }

    [Fact]
    public async Task Data_ShorterThanAnExcessiveSequenceLength_Trains()
    {
        var data = _run.WriteTokens("short.jsonl", ([1L, 2L, 3L], [1L, 2L, 3L]));
        var run = await _run.TrainAsync($"data.path={data}", "data.sequence_length=1000", "data.packing=false");
        Assert.Equal((ExitCodes.Success, ""), (run.ExitCode, run.Error));
    }

    /// <summary>Rows of different lengths are laid one after another into one batch, which may have more tokens than the model allows a sequence.</summary>
    [Fact]
    public async Task Data_ShortDocumentsOfUnevenLengths_Train()
    {
        var data = _run.WriteTokens("uneven.jsonl", [.. Enumerable.Range(95, 8).Select(length => Enumerable.Repeat(7L, length).ToArray()).Select(ids => (ids, ids))]);
        var run = await _run.TrainAsync($"data.path={data}", "data.sequence_length=1000", "data.packing=false", "training.batch_size=8");
        Assert.True(run.ExitCode == ExitCodes.Success && run.Error.Length == 0, run.Error);
    }

    [Fact]
    public async Task Evaluation_Empty() => await Refused("is empty", null, $"evaluation.path={_run.Write("empty.txt", "")}");

    [Fact]
    public async Task Output_BelowAFile() => await Refused("cannot be written", null, $"output.directory={_run.In("data.txt")}/out");

    [Theory]
    [InlineData("plan")]
    [InlineData("graph")]
    public async Task Inspect_UnknownArchitecture_IsOneLine(string command)
    {
        var model = _run.CopyModel(RunFolder.Stories);
        Change(model, "architectures", new JsonArray("Nothing"));
        Configure(model);
        var run = await _run.RunAsync(command, _run.In("run.yaml"));
        Assert.Equal((ExitCodes.Failure, ""), (run.ExitCode, run.Output));
        Assert.Contains("'Nothing' is not known", Assert.Single(Lines(run.Error)), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("model.safetensors")]
    [InlineData("config.json")]
    [InlineData("tokenizer.json")]
    public async Task Generate_FileMissing_IsOneLine(string file)
    {
        var model = _run.CopyModel(RunFolder.Stories);
        File.Delete(Path.Combine(model, file));
        var run = await _run.RunAsync("generate", "--model", model, "--prompt", "x");
        Assert.Equal((ExitCodes.Failure, ""), (run.ExitCode, run.Output));
        Assert.Single(Lines(run.Error));
    }

    private async Task Refused(string expected, Action<string>? damage = null, params string[] set)
    {
        if (damage is not null)
        {
            var model = _run.CopyModel(RunFolder.Stories);
            damage(model);
            Configure(model);
        }

        var run = await _run.TrainAsync(set);
        Assert.Equal(ExitCodes.Failure, run.ExitCode);
        Assert.DoesNotContain("training ", run.Output, StringComparison.Ordinal); // of what came before it may tell, where that takes a second
        var line = Assert.Single(Lines(run.Error));
        Assert.StartsWith("error: ", line, StringComparison.Ordinal);
        Assert.Contains(expected, line, StringComparison.Ordinal);
        Assert.False(Directory.Exists(_run.Output));
    }

    private void Configure(string model) => _run.Write("run.yaml", $$"""
        model:  { path: {{model}} }
        data:   { path: data.txt }
        output: { directory: out }
        device: cpu
        """);

    private static void Change(string model, string key, JsonNode value)
    {
        var path = Path.Combine(model, "config.json");
        var config = JsonNode.Parse(File.ReadAllText(path))!;
        config[key] = value;
        File.WriteAllText(path, config.ToJsonString());
    }

    private static string[] Lines(string text) => text.Split('\n', StringSplitOptions.RemoveEmptyEntries);
}

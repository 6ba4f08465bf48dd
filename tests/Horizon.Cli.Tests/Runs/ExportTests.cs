using System.Text.Json;
using Horizon.Flow.Host.Store;
using Horizon.Flow.Models.Tests.Reference;
using Horizon.Flow.Runs.Export;
using Horizon.Flow.Runs.Generation;

namespace Horizon.Flow.Cli.Tests.Runs;

/// <summary><c>horizon export</c>: what travels, and what strangers' folders cannot do with it.</summary>
public sealed class ExportTests : IDisposable
{
    private readonly RunFolder _run = new();
    private readonly string _model;

    public ExportTests() => _model = _run.CopyModel(RunFolder.Stories);

    public void Dispose() => _run.Dispose();

    /// <summary>Other tools and the law ask for what lies beside the weights; read-only files are no obstacle, and weights are the same numbers in either type.</summary>
    [Theory]
    [InlineData("float32")]
    [InlineData("source")]
    public async Task Export_Folder_TakesItsCompanionsAndTheExactWeights(string type)
    {
        foreach (var name in (string[])["LICENSE", "USE_POLICY.md", "generation_config.json", "chat_template.jinja", "preprocessor_config.json"]) _run.Write($"damaged/{name}", name);
        _run.Write("damaged/README.md", "of the model as it was");
        if (!OperatingSystem.IsWindows())
            foreach (var file in Directory.GetFiles(_model)) File.SetUnixFileMode(file, UnixFileMode.UserRead);
        var run = await _run.RunAsync("export", "--model", _model, "--output", _run.In("written"), "--dtype", type, "--shard-size", "100kB");
        Assert.Equal((ExitCodes.Success, ""), (run.ExitCode, run.Error));
        var names = Directory.GetFiles(_run.In("written")).Select(Path.GetFileName).ToList();
        Assert.All((string[])["LICENSE", "USE_POLICY.md", "generation_config.json", "chat_template.jinja", "preprocessor_config.json", "tokenizer.json", "config.json", "model.safetensors.index.json"], name => Assert.Contains(name, names));
        Assert.DoesNotContain("README.md", names);
        var expected = new SafetensorsReader(Path.Combine(_model, "model.safetensors")).AllFloats();
        var found = Directory.GetFiles(_run.In("written"), "model-*.safetensors").SelectMany(file => new SafetensorsReader(file).AllFloats()).ToDictionary(pair => pair.Key, pair => pair.Value);
        Assert.Equal(expected.Keys.Order(), found.Keys.Order());
        Assert.All(expected, pair => Assert.Equal(pair.Value, found[pair.Key]));
        using var config = JsonDocument.Parse(await File.ReadAllTextAsync(_run.In("written/config.json")));
        Assert.Equal("float32", config.RootElement.GetProperty("torch_dtype").GetString());
    }

    [Fact]
    public async Task Export_BFloat16_RoundsEachWeightOnce()
    {
        await FolderExport.WriteAsync(ModelSource.Open(_model), _run.In("written"), new() { Type = Host.Memory.ElementType.BFloat16 });
        var source = ModelSource.Open(_run.In("written"));
        Assert.Equal(StorePrecision.Bf16, source.FindPrecision());
        using var store = await source.LoadAsync(StorePrecision.Fp32);
        var expected = new SafetensorsReader(Path.Combine(_model, "model.safetensors")).AllFloats();
        foreach (var unit in store.Units)
        {
            foreach (var slot in unit.Layout.Parameters)
            {
                var found = new float[slot.Count];
                unit.ReadMasters(slot.Offset, found);
                Assert.Equal(expected[slot.TensorName].Select(value => BitConverter.UInt32BitsToSingle((BitConverter.SingleToUInt32Bits(value) + 0x8000) & 0xFFFF0000)), found);
            }
        }
    }

    /// <summary>A link to a secret, as a companion, as weights, or as an adapter, is refused by name before anything is written.</summary>
    [Theory]
    [InlineData("merges.txt")]
    [InlineData("model.safetensors")]
    [InlineData("config.json")]
    public async Task Export_LinkOutOfTheFolder_IsRefused(string name)
    {
        if (OperatingSystem.IsWindows()) return; // links need a right there
        var secret = _run.Write("secret", "of somebody else");
        var file = Path.Combine(_model, name);
        if (File.Exists(file)) File.Move(file, secret, overwrite: true);
        File.CreateSymbolicLink(file, secret);
        var run = await _run.RunAsync("export", "--model", _model, "--output", _run.In("written"));
        Assert.Equal(ExitCodes.Failure, run.ExitCode);
        Assert.Contains(name, run.Error, StringComparison.Ordinal);
        Assert.False(Directory.Exists(_run.In("written")));
    }

    [Theory]
    [InlineData("adapter_config.json")]
    [InlineData("adapter_model.safetensors")]
    public async Task Export_AdapterThatIsALinkOutOfItsFolder_IsRefused(string name)
    {
        if (OperatingSystem.IsWindows()) return; // links need a right there
        _run.Write("adapter/adapter_config.json", """{"peft_type":"LORA","r":2,"lora_alpha":4,"target_modules":["q_proj"]}""");
        var secret = _run.Write("secret", """{"peft_type":"LORA","r":2,"lora_alpha":4,"target_modules":["q_proj"]}""");
        File.Delete(_run.In($"adapter/{name}"));
        File.CreateSymbolicLink(_run.In($"adapter/{name}"), secret);
        var run = await _run.RunAsync("export", "--model", _model, "--adapter", _run.In("adapter"), "--output", _run.In("written"));
        Assert.Equal(ExitCodes.Failure, run.ExitCode);
        Assert.Contains(name, run.Error, StringComparison.Ordinal);
        Assert.False(Directory.Exists(_run.In("written")));
    }

    [Fact]
    public async Task Export_IntoWhatIsRead_IsRefused()
    {
        var run = await _run.RunAsync("export", "--model", _model, "--output", Path.Combine(_model, "..", Path.GetFileName(_model)), "--overwrite");
        Assert.Equal(ExitCodes.Failure, run.ExitCode);
        Assert.Contains("is what is read; name another folder to write", run.Error, StringComparison.Ordinal);
    }
}

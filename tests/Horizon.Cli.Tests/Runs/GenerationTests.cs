using System.Text.Json.Nodes;
using Horizon.Flow.Devices;
using Horizon.Flow.Runs.Generation;
using Horizon.Flow.Tests.Shared;
using Horizon.Flow.Text.Templates;

namespace Horizon.Flow.Cli.Tests.Runs;

public sealed class GenerationTests
{
    [Fact]
    public async Task Generate_StopStringAndLimit_EndTheText()
    {
        using var device = new CpuDevice();
        await using var generator = await TextGenerator.LoadAsync(RunFolder.Stories, device);
        Assert.True(generator.IsResident);
        var (whole, tokens) = await Collect(generator.GenerateAsync("Once upon a time", new GenerationOptions { Temperature = 0, MaxTokens = 24 }));
        Assert.Equal(24, tokens);
        Assert.StartsWith(", there was a little girl named", whole, StringComparison.Ordinal);
        var (stopped, _) = await Collect(generator.GenerateAsync("Once upon a time", new GenerationOptions { Temperature = 0, MaxTokens = 24, Stop = ["little"] }));
        Assert.Equal(", there was a ", stopped);
    }

    [Fact]
    public async Task Answer_WithoutChatTemplate_SaysWhatToDo()
    {
        using var device = new CpuDevice();
        await using var generator = await TextGenerator.LoadAsync(RunFolder.Stories, device);
        var error = await Assert.ThrowsAsync<HorizonException>(() => Collect(generator.AnswerAsync(new Conversation(new ChatMessage("user", "hi")))));
        Assert.Contains("chat_template.jinja", error.Message, StringComparison.Ordinal);
    }

    /// <summary>The answer goes on where the template asks for it.</summary>
    [Fact]
    public async Task Answer_ByTheFoldersTemplate_ContinuesWhatItWrites()
    {
        using var folder = new TemporaryFolder();
        foreach (var file in Directory.GetFiles(RunFolder.Stories)) File.Copy(file, Path.Combine(folder.Path, Path.GetFileName(file)));
        await File.WriteAllTextAsync(Path.Combine(folder.Path, "chat_template.jinja"), "{{ bos_token }}{% for m in messages %}{{ m.content }}{% endfor %}");
        using var device = new CpuDevice();
        await using var generator = await TextGenerator.LoadAsync(folder.Path, device);
        var options = new GenerationOptions { Temperature = 0, MaxTokens = 12 };
        var (plain, _) = await Collect(generator.GenerateAsync("Once upon a time", options));
        var (answer, _) = await Collect(generator.AnswerAsync(new Conversation(new ChatMessage("user", "Once upon"), new ChatMessage("user", " a time")), options));
        Assert.Equal(plain, answer);
    }

    /// <summary>Where tokens cost a whole pass each, the user is told why, once.</summary>
    [Fact]
    public async Task Generate_LongerThanTheLayersRemember_SaysSoOnce()
    {
        using var folder = new TemporaryFolder();
        foreach (var file in Directory.GetFiles(RunFolder.Stories)) File.Copy(file, Path.Combine(folder.Path, Path.GetFileName(file)));
        var config = Path.Combine(folder.Path, "config.json");
        var json = JsonNode.Parse(await File.ReadAllTextAsync(config))!;
        json["rope_scaling"] = JsonNode.Parse("""{"rope_type":"longrope","short_factor":[1,1,1,1],"long_factor":[1,1,1,1],"original_max_position_embeddings":16}""");
        await File.WriteAllTextAsync(config, json.ToJsonString());
        using var device = new CpuDevice();
        var notices = new List<string>();
        await using var generator = await TextGenerator.LoadAsync(folder.Path, device, notices.Add);
        await Collect(generator.GenerateAsync("Once upon a time", new GenerationOptions { Temperature = 0, MaxTokens = 4 }));
        Assert.Empty(notices);
        await Collect(generator.GenerateAsync("Once upon a time", new GenerationOptions { Temperature = 0, MaxTokens = 24 }));
        Assert.Contains("longer than the 16 tokens", Assert.Single(notices), StringComparison.Ordinal);
    }

    private static async Task<(string Text, int Tokens)> Collect(IAsyncEnumerable<GeneratedPiece> pieces)
    {
        var (text, tokens) = ("", 0);
        await foreach (var piece in pieces) (text, tokens) = (text + piece.Text, tokens + piece.Tokens);
        return (text, tokens);
    }
}

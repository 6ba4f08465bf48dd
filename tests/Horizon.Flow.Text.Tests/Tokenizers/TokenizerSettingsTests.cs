using Horizon.Flow.Text.Templates;
using Horizon.Flow.Text.Tokenizers;

namespace Horizon.Flow.Text.Tests;

public class TokenizerSettingsTests
{
    private const string Tokenizer = """{"model":{"vocab":{"a":0},"merges":[]}}""";

    private static readonly Conversation Plain = new(new ChatMessage("user", "a"));

    private static readonly Conversation WithTools = new(Plain.Messages, new Dictionary<string, object?> { ["tools"] = new List<object?> { "f" } });

    /// <summary>As in transformers: of several templates a conversation with tools takes the one named tool_use, any other the default one.</summary>
    [Theory]
    [InlineData("""{"chat_template":[{"name":"default","template":"plain"},{"name":"tool_use","template":"tools"}]}""", null, "tools")]
    [InlineData("""{"chat_template":[{"name":"default","template":"plain"},{"name":"rag","template":"documents"}]}""", null, "plain")]
    [InlineData("""{"chat_template":"plain"}""", "tools", "tools")]
    [InlineData("""{"chat_template":"plain"}""", null, "plain")]
    public void ChatTemplate_OfSeveral_IsChosenByTheConversation(string config, string? toolUse, string expected)
    {
        using var folder = new TemporaryFolder();
        folder.Write("tokenizer.json", Tokenizer);
        folder.Write("tokenizer_config.json", config);
        Directory.CreateDirectory(Path.Combine(folder.Path, "additional_chat_templates"));
        if (toolUse is not null) folder.Write("additional_chat_templates/tool_use.jinja", toolUse);
        var template = HuggingFaceTokenizer.Load(folder.Path).ChatTemplate!;
        Assert.Equal("plain", template.Render(Plain, addGenerationPrompt: false).Text);
        Assert.Equal(expected, template.Render(WithTools, addGenerationPrompt: false).Text);
    }

    /// <summary>A damaged template for tools is no matter to those who have none.</summary>
    [Fact]
    public void ChatTemplate_DamagedToolUse_IsRefusedWhereItIsAskedFor()
    {
        using var folder = new TemporaryFolder();
        folder.Write("tokenizer.json", Tokenizer);
        folder.Write("tokenizer_config.json", """{"chat_template":[{"name":"default","template":"plain"},{"name":"tool_use","template":"{% if"}]}""");
        var template = HuggingFaceTokenizer.Load(folder.Path).ChatTemplate!;
        Assert.Equal("plain", template.Render(Plain, addGenerationPrompt: false).Text);
        Assert.Throws<HorizonException>(() => template.Render(WithTools, addGenerationPrompt: false));
    }
}

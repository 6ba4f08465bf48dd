namespace Horizon.Flow.Text.Tests;

/// <summary>Conversations as @huggingface/jinja renders them.</summary>
public class ChatTemplateGoldenTests
{
    [Fact]
    public void Render_PublishedTemplates_EqualReference()
    {
        foreach (var golden in Data.Json("chat-templates", "golden.json").EnumerateArray())
        {
            var name = golden.GetProperty("template").GetString()!;
            var template = ChatTemplate.Parse(File.ReadAllText(Path.Combine(Data.Folder("chat-templates"), name)), name);
            var rendered = template.Render(
                Data.Conversation(golden, "bos_token", "eos_token", "date_string"), golden.GetProperty("add_generation_prompt").GetBoolean());
            Assert.Equal(golden.GetProperty("rendered").GetString(), rendered.Text);
        }
    }

    [Fact]
    public void Render_QwenTokenizersOwnTemplate_EqualsReference()
    {
        foreach (var golden in Data.Json("qwen3-mini-tokenizer", "golden.json").GetProperty("chats").EnumerateArray())
        {
            var rendered = Data.Qwen.ChatTemplate!.Render(
                Data.Conversation(golden, "tools", "enable_thinking"), golden.GetProperty("add_generation_prompt").GetBoolean());
            Assert.Equal(golden.GetProperty("rendered").GetString(), rendered.Text);
        }
    }
}

using System.Text.Json;
using Horizon.Flow.Text.Templates;

namespace Horizon.Flow.Text.Tests;

/// <summary>Conversations as others render them: @huggingface/jinja, and Python's jinja2 set up as in transformers.</summary>
public class ChatTemplateGoldenTests
{
    [Fact]
    public void Render_PublishedTemplates_EqualJavaScriptReference()
    {
        foreach (var golden in Data.Json("chat-templates", "golden.json").EnumerateArray())
        {
            var expected = golden.GetProperty("rendered").GetString()!;

            // @huggingface/jinja 0.5.11 strips all white space in lstrip('\n'); Python, which models are trained with, line breaks only.
            if (golden.GetProperty("template").GetString()!.StartsWith("qwen3", StringComparison.Ordinal))
                expected = expected.Replace("</think>\n\nHello!", "</think>\n\n Hello!", StringComparison.Ordinal);
            Assert.Equal(expected, Render(golden).Text);
        }
    }

    [Fact]
    public void Render_PublishedTemplates_EqualPythonReference()
    {
        foreach (var golden in Data.Json("python-chats.json").EnumerateArray())
        {
            var chat = Render(golden);
            Assert.Equal(golden.GetProperty("rendered").GetString(), chat.Text);
            Assert.Equal(golden.GetProperty("generated").EnumerateArray().Select(r => r[0].GetInt32()..r[1].GetInt32()), chat.Generated);
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

    [Fact]
    public void Render_Snippets_EqualPythonReference()
    {
        var conversation = new Conversation(
            new ChatMessage("system", "Be brief."), new ChatMessage("user", "Hi "), new ChatMessage("assistant", " Hello!"))
        {
            Date = new DateTime(2026, 1, 5, 9, 7, 3),
        };
        foreach (var golden in Data.Json("jinja-snippets.json").EnumerateArray())
        {
            var source = golden.GetProperty("template").GetString()!;
            Assert.Equal(golden.GetProperty("rendered").GetString(), ChatTemplate.Parse(source, "snippet").Render(conversation, false).Text);
        }
    }

    private static RenderedChat Render(JsonElement golden) => Data.Template(golden.GetProperty("template").GetString()!).Render(
        Data.Conversation(golden, "bos_token", "eos_token", "date_string", "tools"), golden.GetProperty("add_generation_prompt").GetBoolean());
}

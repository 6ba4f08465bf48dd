using FsCheck;
using Horizon.Flow.Tests.Shared;
using Horizon.Flow.Text.Templates;

namespace Horizon.Flow.Text.Tests;

public class KnownTemplatesTests
{
    private static readonly Dictionary<string, object?> Tokens = new() { ["bos_token"] = "<s>", ["eos_token"] = "</s>" };

    /// <summary>As the models' own templates write any conversation.</summary>
    [Cases(100)]
    public void Render_LlamaAndPhi_IsAsTheModelsOwn(bool hasSystem, NonEmptyArray<NonNull<string>> texts, bool isAsked)
    {
        var conversation = Conversation(hasSystem, [.. texts.Get.Select(text => text.Get)]);
        foreach (var name in (string[])["llama3", "phi3"])
        {
            var own = ChatTemplate.Parse(File.ReadAllText(Data.Folder($"chat-templates/{name}.jinja")), name, Tokens);
            Assert.Equal(own.Render(conversation, isAsked).Text, Known(name).Render(conversation, isAsked).Text);
        }
    }

    [Fact]
    public void Render_ByName_IsTheFormatOfThatName()
    {
        var conversation = Conversation(hasSystem: false, ["Hi ", "Hello", "Bye"]);
        Assert.Equal("<|im_start|>user\nHi <|im_end|>\n<|im_start|>assistant\nHello<|im_end|>\n<|im_start|>user\nBye<|im_end|>\n<|im_start|>assistant\n", Known("chatml").Render(conversation, true).Text);
        Assert.Equal("<s><start_of_turn>user\nHi<end_of_turn>\n<start_of_turn>model\nHello<end_of_turn>\n<start_of_turn>user\nBye<end_of_turn>\n<start_of_turn>model\n", Known("gemma").Render(conversation, true).Text);
        Assert.Equal("### Instruction:\nHi \n\n### Response:\nHello</s>\n\n### Instruction:\nBye\n\n### Response:\n", Known("alpaca").Render(conversation, true).Text);
        Assert.Contains("no place for a system text", Assert.Throws<HorizonException>(() => Known("gemma").Render(Conversation(true, ["Hi"]), true)).Message, StringComparison.Ordinal);
        Assert.Contains("known are alpaca, chatml, gemma, llama3, phi3", Assert.Throws<HorizonException>(() => KnownTemplates.Read("chatmI")).Message, StringComparison.Ordinal);
    }

    /// <summary>Of each the trained stretches are found: the answers, with what ends a turn where the template has such.</summary>
    [Theory]
    [InlineData("alpaca", "Hello</s>")]
    [InlineData("chatml", "Hello<|im_end|>\n")]
    [InlineData("gemma", "Hello<end_of_turn>\n")]
    [InlineData("llama3", "Hello<|eot_id|>")]
    [InlineData("phi3", "Hello<|end|>\n")]
    public void Render_TrainedStretch_IsTheAnswerAndItsEnd(string name, string expected)
    {
        var chat = AssistantSpans.Render(Known(name), Conversation(hasSystem: false, ["Hi", "Hello", "Bye", "Goodbye"]));
        Assert.Equal(2, chat.Generated.Count);
        Assert.StartsWith(expected, chat.Text[chat.Generated[0]], StringComparison.Ordinal);
    }

    private static ChatTemplate Known(string name) => ChatTemplate.Parse(KnownTemplates.Read(name), name, Tokens);

    private static Conversation Conversation(bool hasSystem, string[] texts) =>
        new([.. hasSystem ? [new ChatMessage("system", "Be brief.")] : (ChatMessage[])[], .. texts.Select((text, i) => new ChatMessage(i % 2 == 0 ? "user" : "assistant", text))]);
}

namespace Horizon.Flow.Text.Tests;

public class AssistantSpansTests
{
    private static readonly Conversation TwoTurns = new(
        new ChatMessage("user", "2+2?"), new ChatMessage("assistant", "four"), new ChatMessage("user", "3+3?"), new ChatMessage("assistant", "six"));

    [Theory]
    [InlineData("llama3.jinja", "four<|eot_id|>", "six<|eot_id|>")]
    [InlineData("llama3_training.jinja", "four<|eot_id|>", "six<|eot_id|>")]
    [InlineData("llama3_1.jinja", "four<|eot_id|>", "six<|eot_id|>")]
    [InlineData("phi3.jinja", "four<|end|>\n", "six<|end|>\n</s>")]
    [InlineData("qwen2_5.jinja", "four<|im_end|>\n", "six<|im_end|>\n")]
    [InlineData("qwen2_5_training.jinja", "\nfour<|im_end|>\n", "\nsix<|im_end|>\n")]
    [InlineData("qwen3.jinja", "four<|im_end|>\n", "<think>\n\n</think>\n\nsix<|im_end|>\n")]
    [InlineData("qwen3_training.jinja", "<think>\n\n</think>\n\nfour<|im_end|>\n", "<think>\n\n</think>\n\nsix<|im_end|>\n")]
    public void Render_EachTemplate_FindsEveryAssistantTurn(string name, string first, string second) =>
        Assert.Equal([first, second], Spans(Data.Template(name, ("bos_token", "<s>"), ("eos_token", "</s>")), TwoTurns));

    [Fact]
    public void Render_Qwen3WithThoughts_TakesTurnsAsTheyStandInTheWhole()
    {
        var conversation = new Conversation(
            new ChatMessage("user", "a"), new ChatMessage("assistant", "<think>\nhm\n</think>\n\nb"),
            new ChatMessage("user", "c"), new ChatMessage("assistant", ""), new ChatMessage("user", "d"), new ChatMessage("assistant", "<think>\nso\n</think>\n\ne"));
        Assert.Equal(
            ["b<|im_end|>\n", "<|im_end|>\n", "<think>\nso\n</think>\n\ne<|im_end|>\n"],
            Spans(Data.Template("qwen3.jinja"), conversation));
    }

    [Fact]
    public void Render_EndTokenInsideTurns_BelongsToThem() => Assert.Equal(
        [" four</s>", " six</s>"],
        Spans(
            ChatTemplate.Parse(
                "{{ bos_token }}{% for m in messages %}{% if m.role == 'user' %}[INST] {{ m.content }} [/INST]{% else %} {{ m.content }}{{ eos_token }}{% endif %}{% endfor %}",
                "t",
                new Dictionary<string, object?> { ["bos_token"] = "<s>", ["eos_token"] = "</s>" }),
            TwoTurns));

    [Fact]
    public void Render_TurnsThatCannotBeToldApart_SaysSo()
    {
        var template = ChatTemplate.Parse("{{ messages | length }}{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}", "odd");
        var message = Assert.Throws<HorizonException>(() => AssistantSpans.Render(template, TwoTurns)).Message;
        Assert.Contains("odd", message, StringComparison.Ordinal);
        Assert.Contains("message 2", message, StringComparison.Ordinal);
        Assert.Contains("generation", message, StringComparison.Ordinal);
    }

    [Fact]
    public void Render_ConversationThatBeginsWithTheAssistant_IsRefusedWhereTheTemplateNeedsAUser() => Assert.Contains(
        "begins with the assistant",
        Assert.Throws<HorizonException>(() => AssistantSpans.Render(Data.Template("qwen3.jinja"), new Conversation(new ChatMessage("assistant", "a")))).Message);

    private static IEnumerable<string> Spans(ChatTemplate template, Conversation conversation)
    {
        var chat = AssistantSpans.Render(template, conversation);
        Assert.Equal(template.Render(conversation, addGenerationPrompt: false).Text, chat.Text);
        return chat.Generated.Select(range => chat.Text[range]);
    }
}

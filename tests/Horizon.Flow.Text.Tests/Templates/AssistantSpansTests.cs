using Horizon.Flow.Text.Templates;

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
        var template = ChatTemplate.Parse("{{ messages | length }}{% for m in messages %}<{{ m.role }}>{{ m.content | length }}{% endfor %}", "odd");
        var message = Assert.Throws<HorizonException>(() => AssistantSpans.Render(template, TwoTurns)).Message;
        Assert.Contains("odd", message, StringComparison.Ordinal);
        Assert.Contains("message 2", message, StringComparison.Ordinal);
        Assert.Contains("generation", message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("llama3.jinja", "a<|eot_id|>", "b<|eot_id|>")]
    [InlineData("qwen2_5.jinja", "a<|im_end|>\n", "b<|im_end|>\n")]
    [InlineData("qwen3.jinja", "a<|im_end|>\n", "<think>\n\n</think>\n\nb<|im_end|>\n")]
    public void Render_ConversationThatBeginsWithTheAssistant_FindsItsFirstTurn(string name, string first, string second) => Assert.Equal(
        [first, second],
        Spans(
            Data.Template(name, ("bos_token", "<s>"), ("eos_token", "</s>")),
            new Conversation(new ChatMessage("assistant", "a"), new ChatMessage("user", "x"), new ChatMessage("assistant", "b"))));

    [Fact]
    public void Render_TwoTurnsInARow_FindsBoth() => Assert.Equal(
        ["a<|im_end|>\n", "b<|im_end|>\n"],
        Spans(
            Data.Template("qwen2_5.jinja"),
            new Conversation(new ChatMessage("user", "x"), new ChatMessage("assistant", "a"), new ChatMessage("assistant", "b"))));

    /// <summary>A prompt that opens the thoughts itself: they are learned from there on, and an answer without thoughts from its text on.</summary>
    [Fact]
    public void Render_PromptThatOpensTheThoughts_LearnsWhatFollowsIt() => Assert.Equal(
        ["b<end>", "hm</think>c<end>"],
        Spans(
            ChatTemplate.Parse(
                "{% for m in messages %}<{{ m.role }}>{% if m.role == 'assistant' and loop.last %}<think>hm</think>{% endif %}{{ m.content }}<end>{% endfor %}"
                + "{% if add_generation_prompt %}<assistant><think>{% endif %}",
                "t"),
            new Conversation(new ChatMessage("user", "a"), new ChatMessage("assistant", "b"), new ChatMessage("user", "x"), new ChatMessage("assistant", "c"))));

    /// <summary>Mistral's templates write the system's text in front of the last user's, which is another one while there are fewer turns.</summary>
    [Fact]
    public void Render_SystemTextInTheLastUserTurn_FindsEarlierAnswers() => Assert.Equal(
        [" b</s>", " d</s>"],
        Spans(
            ChatTemplate.Parse(
                "<s>{% set users = messages | selectattr('role', 'equalto', 'user') | list %}{% for m in messages %}{% if m.role == 'user' %}[INST] "
                + "{% if m == users[-1] %}{{ messages[0].content }} {% endif %}{{ m.content }}[/INST]{% elif m.role == 'assistant' %} {{ m.content }}</s>{% endif %}{% endfor %}",
                "t"),
            new Conversation(
                new ChatMessage("system", "s"), new ChatMessage("user", "a"), new ChatMessage("assistant", "b"), new ChatMessage("user", "c"), new ChatMessage("assistant", "d"))));

    private static IEnumerable<string> Spans(ChatTemplate template, Conversation conversation)
    {
        var chat = AssistantSpans.Render(template, conversation);
        Assert.Equal(template.Render(conversation, addGenerationPrompt: false).Text, chat.Text);
        return chat.Generated.Select(range => chat.Text[range]);
    }
}

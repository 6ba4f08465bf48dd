using FsCheck.Fluent;
using Horizon.Flow.Tests.Shared;
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

    /// <summary>Rounds of calls and results, and what the renderings of many cost: about twice as much for twice as many.</summary>
    [Fact]
    public void Render_ManyToolCalls_CostsInProportion()
    {
        var template = Data.Template(Path.Combine(Data.Folder("chat-templates"), "qwen3.jinja"), ("bos_token", "<s>"), ("eos_token", "</s>"));
        long Cost(int rounds)
        {
            var conversation = ToolConversation(new Random(7), rounds);
            var budget = TemplateBudget.OfConversation("t", conversation.Messages);
            _ = AssistantSpans.Render(template, conversation, _ => true, budget: budget);
            return budget.Spent;
        }

        Assert.InRange((double)Cost(200) / Cost(100), 1.5, 2.5);
    }

    private static Conversation ToolConversation(Random random, int? rounds = null)
    {
        var messages = new List<ChatMessage> { new("user", "Begin.") };
        for (var round = 0; round < (rounds ?? random.Next(3, 9)); round++)
        {
            var calls = new List<object?>();
            for (var call = 0; call <= (rounds is null ? random.Next(2) : 0); call++)
            {
                calls.Add(new OrderedDictionary<string, object?>
                {
                    ["type"] = "function",
                    ["function"] = new OrderedDictionary<string, object?> { ["name"] = "look", ["arguments"] = new OrderedDictionary<string, object?> { ["x"] = (long)random.Next(1000) } },
                });
            }

            messages.Add(new ChatMessage(new OrderedDictionary<string, object?> { ["role"] = "assistant", ["content"] = rounds is null && random.Next(4) == 0 ? "Let me look." : "", ["tool_calls"] = calls }, isTrained: true));
            foreach (var _ in calls) messages.Add(new ChatMessage(new OrderedDictionary<string, object?> { ["role"] = "tool", ["content"] = $"result {random.Next(1000)}", ["name"] = "look" }, isTrained: true));
            messages.Add(new ChatMessage("assistant", $"It is {random.Next(1000)}."));
            messages.Add(new ChatMessage("user", $"And {random.Next(1000)}?"));
        }

        messages.Add(new ChatMessage("assistant", "Done."));
        return new Conversation(messages, new Dictionary<string, object?>());
    }

    /// <summary>What is found turn by turn is what is found by kinds of turns, in every template, with and without system, thoughts and spaces; kinds may tell more.</summary>
    [Cases(60)]
    public void Render_LongConversations_ByKindAsTurnByTurn(int seed) => Assert.All(Directory.GetFiles(Data.Folder("chat-templates"), "*.jinja"), file =>
    {
        var template = Data.Template(file, ("bos_token", "<s>"), ("eos_token", "</s>"));
        var conversation = seed % 3 == 0 ? ToolConversation(new Random(seed)) : LongConversation(new Random(seed));
        string? Found(int fewTurns)
        {
            try
            {
                var chat = AssistantSpans.Render(template, conversation, _ => true, fewTurns);
                return $"{string.Join(',', chat.Generated)} of {chat.Text}";
            }
            catch (HorizonException)
            {
                return null;
            }
        }

        if (Found(int.MaxValue) is { } found) Assert.Equal(found, Found(0));
    });

    [Fact]
    public void Render_LongConversation_RendersItAFewTimes()
    {
        var turns = Enumerable.Range(0, 4000).SelectMany(i => new[] { new ChatMessage("user", $"question {i}"), new ChatMessage("assistant", $"answer {i}.") });
        var template = Data.Template("qwen3.jinja");
        var conversation = new Conversation([.. turns]);
        var budget = TemplateBudget.OfConversation("", conversation.Messages);
        template.Render(conversation, conversation.Messages.Count, false, null, budget);
        var once = budget.Spent;
        var chat = AssistantSpans.Render(template, conversation, _ => true, budget: budget);
        Assert.Equal(4000, chat.Generated.Count);
        Assert.InRange(budget.Spent, once, 20 * once);
    }

    private static Conversation LongConversation(Random random)
    {
        var turns = new List<ChatMessage>();
        if (random.Next(3) == 0) turns.Add(new ChatMessage("system", "be good"));
        if (random.Next(6) == 0) turns.Add(new ChatMessage("assistant", "hello"));
        string[] answers = ["yes", "no, never", " spaced ", "<think>\nhm\n</think>\n\nwell", "", "a<|im_end|>b", "same", "same same"];
        var kinds = random.Next(1, answers.Length + 1);
        for (var i = random.Next(9, 24); i > 0; i--)
        {
            turns.Add(new ChatMessage("user", answers[random.Next(answers.Length)] + random.Next(9)));
            turns.Add(new ChatMessage("assistant", answers[random.Next(kinds)] + (random.Next(3) == 0 ? "" : $"{i}")));
            if (random.Next(30) == 0) turns.Add(new ChatMessage("assistant", "more"));
        }

        return new Conversation(turns);
    }

    private static IEnumerable<string> Spans(ChatTemplate template, Conversation conversation)
    {
        var chat = AssistantSpans.Render(template, conversation);
        Assert.Equal(template.Render(conversation, addGenerationPrompt: false).Text, chat.Text);
        return chat.Generated.Select(range => chat.Text[range]);
    }
}

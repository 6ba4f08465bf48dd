using Horizon.Flow.Tests.Shared;
using Horizon.Flow.Text.Templates;

namespace Horizon.Flow.Text.Tests;

/// <summary>What is rendered as an earlier conversation was is what the template writes.</summary>
public class RenderingMemoryTests
{
    private static readonly string[] Contents =
    [
        "yes", "no, never", " spaced ", "\n\nlines\n", "", " ", "<think>\nhm\n</think>\n\nwell", "</think>", "<think>a</think>b</think>c", "<tool_response>x</tool_response>", "{{ x }}", "a,b;c", "x", "3", "ABC", "\U0001f600",
    ];

    private static readonly string[] Looks =
    [
        "c", "c + '!'", "'<' ~ c ~ 1", "c ~ none", "c + c", "c | trim", "c.strip()", "c.strip('\\n')", "c.lstrip('\\n') + '>'", "c | length", "c | upper", "c.upper()", "c.split('</think>')[-1]", "c.split(',') | length",
        "c.split(',') | join('+')", "c.partition(',') | last", "c.startswith('a')", "c.startswith(('a', ' '))", "c.endswith(roles)", "c.find('a')", "c.replace('a', c)", "c.replace('a', 'bb')", "'a' in c", "c in 'yes'", "c in ['x', 'yes']",
        "c == 'x'", "c != 'x'", "'x' == c", "c == m.content", "c < 'm'", "c > b", "c is string", "c is defined", "c is none", "c is mapping", "c is eq 'x'", "c is lower", "c is in ['x']", "c[0]", "c[:2]", "c[::-1]", "c.x is defined", "not c",
        "c or 'nothing'", "c and 'something'", "'a' if c else 'b'", "c | default('d')", "c | default('d', true)", "c | default(boolean=true)", "none | default(c)", "c | tojson", "m | tojson", "m | string", "c | list | length", "c | int", "c * 2", "2 * c",
        "'%s!' % c", "'%s %s' % (c, b)", "'{}'.format(c)", "c | replace('a', 'b')", "c | first", "(c | safe) + '<'", "('<' | safe) + c", "c | safe", "c | e", "[c, b] | join(' ')", "[c, b] | unique | list | length", "[c, b] | sort | first",
        "[c, b] | max", "[c] | map('trim') | join", "messages | map(attribute='content') | list | length", "messages | selectattr('content') | list | length", "messages | selectattr('content', 'equalto', 'x') | list | length",
        "messages | groupby('content') | length", "messages | sort(attribute='content') | map(attribute='role') | join", "m == messages[-1]", "m == messages[0]", "{'k': c}['k']", "{c: 1}", "dict(k=c).k", "namespace(k=c).k + '.'", "shout(c)", "shout(c + '?') + '!'",
        "(shout(c) | trim).startswith('a')", "shout(c) == '[yes]'", "m.get('content', 'x')", "m.items() | list | length", "c | wordcount", "c.count('a')", "c.isdigit()", "c.splitlines() | length", "c | indent", "c | center(9)", "range(c | length) | length",
        "loop.changed(c)", "loop.cycle(c, 'x')", "cycler(c, b).next()", "c | map('upper') | join", "raise_exception(c) if c == 'x' else 1", "[c, b] | sum(start='')", "c | reverse", "c is sameas b", "m['content'] | trim | length > 2",
    ];

    [Cases(20)]
    public void Render_EachTemplate_AsWithoutMemory(int seed) => Assert.All(Directory.GetFiles(Data.Folder("chat-templates"), "*.jinja"), file =>
        RendersAlike(Data.Template(file, ("bos_token", "<s>"), ("eos_token", "</s>")), new Random(seed)));

    /// <summary>Whatever is done with a content, and with what was made of it.</summary>
    [Cases(60)]
    public void Render_EachLookAtAContent_AsWithoutMemory(int seed)
    {
        var random = new Random(seed);
        var looks = string.Concat(Enumerable.Range(0, random.Next(1, 4)).Select(_ => (random.Next(5), Looks[random.Next(Looks.Length)]) switch
        {
            (0, var look) => $"{{% set c = {look} %}}",
            (1, var look) => $"{{% if {look} %}}then {{{{ c }}}}{{% else %}}else{{% endif %}}",
            (2, var look) => $"{{% set s %}}({{{{ {look} }}}}){{% endset %}}{{{{ s }}}}{{% if s | length > 4 %}}long{{% endif %}}",
            (3, var look) => $"{{% filter trim %}} {{{{ {look} }}}} {{% endfilter %}}",
            (_, var look) => $"{{{{ {look} }}}}",
        }));
        RendersAlike(
            ChatTemplate.Parse(
                "{% macro shout(t) %}[{{ t }}]{% endmacro %}{% set b = messages[0].content %}{% set roles = 'a' %}{% for m in messages %}{% set c = m.content %}{{ m.role }}: " + looks + "{{ c }};{% endfor %}", "t"),
            random);
    }

    [Fact]
    public void Render_PlainTurns_AreRemembered()
    {
        var template = Data.Template("qwen3.jinja");
        Conversation Talk(string answer) => new(new ChatMessage("user", answer), new ChatMessage("assistant", $"{answer}."));
        template.Render(Talk("one"), addGenerationPrompt: false);
        var remembered = template.Memory!.Find(Talk("two").Messages, addGenerationPrompt: false, null)!;
        Assert.Equal(template.Render(Talk("two"), addGenerationPrompt: false).Text, remembered.TryRender(Talk("two").Messages, new TemplateBudget("t")));
        Assert.Null(remembered.TryRender(Talk("a</think>b").Messages, new TemplateBudget("t")));
    }

    /// <summary>Conversations that a template looks at differently are remembered side by side.</summary>
    [Fact]
    public void Render_ManyWaysToAnswer_AreAllRemembered()
    {
        var template = Data.Template("qwen3.jinja");
        for (var round = 0; round < 2; round++)
        {
            for (var thoughts = 0; thoughts < 16; thoughts++)
            {
                var conversation = new Conversation([.. Enumerable.Range(0, 8).Select(i => i % 2 == 0 ? new ChatMessage("user", $"{i}?") : new ChatMessage("assistant", (thoughts >> (i / 2) & 1) != 0 ? $"<think>\n{i}\n</think>\n\n{i}." : $"{i}."))]);
                var text = template.Render(conversation, addGenerationPrompt: false).Text;
                Assert.Equal(text, template.Render(conversation with { Variables = new Dictionary<string, object?> { ["unused"] = null } }, addGenerationPrompt: false).Text);
                if (round == 1) Assert.Equal(text, template.Memory!.Find(conversation.Messages, addGenerationPrompt: false, null)!.TryRender(conversation.Messages, new TemplateBudget("t")));
            }
        }
    }

    private static void RendersAlike(ChatTemplate template, Random random)
    {
        string[][] roles = [["user", "assistant"], ["user", "assistant", "user", "assistant"], ["system", "user", "assistant"], ["user"]];
        for (var i = 0; i < 12; i++)
        {
            var conversation = new Conversation([.. roles[random.Next(2) * random.Next(roles.Length)].Select(role => new ChatMessage(role, Contents[random.Next(Contents.Length)]))]);
            var asks = random.Next(2) == 0;
            // Nothing is remembered where a template could look at more.
            Assert.Equal(Text(conversation with { Variables = new Dictionary<string, object?> { ["unused"] = null } }), Text(conversation));

            string? Text(Conversation one)
            {
                try
                {
                    return template.Render(one, asks).Text;
                }
                catch (HorizonException error)
                {
                    return error.Message;
                }
            }
        }
    }
}

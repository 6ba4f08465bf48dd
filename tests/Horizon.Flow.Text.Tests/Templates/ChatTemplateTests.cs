using Horizon.Flow.Tests.Shared;
using Horizon.Flow.Text.Templates;

namespace Horizon.Flow.Text.Tests;

public class ChatTemplateTests
{
    private static readonly string[] Sources =
        [.. Directory.GetFiles(Data.Folder("chat-templates"), "*.jinja").Order(StringComparer.Ordinal).Select(File.ReadAllText),
         .. Data.Json("jinja-snippets.json").EnumerateArray().Select(s => s.GetProperty("template").GetString()!)];

    private static readonly string[] Fragments =
        ["{{", "}}", "{%", "%}", "{#", "#}", "-", "(", ")", "[", "]", "'", "\"", "\\", "|", ".", ",", ":", "*", "**", "~", " not ", " is ", " in ", " if ",
         " else ", "{% for a in messages %}", "{% endfor %}", "{% if a %}", "{% endif %}", "{% set a = a + a %}", "{% macro m() %}", "{% endmacro %}",
         "{{ m() }}", "{% set ns.x = ns %}", "99999999999", "range(9999)", "messages", "none", "|tojson", "|list", "[::-1]", "{% generation %}"];

    private static readonly Conversation Talk = new(
        new ChatMessage("system", "Be brief."), new ChatMessage("user", "Hi"), new ChatMessage("assistant", "Hello!"), new ChatMessage("user", "Bye"));

    [Cases(1000)]
    public void Render_MutatedTemplate_RendersOrSaysWhatIsWrong(ushort which, (ushort At, byte Delete, ushort Insert)[] changes)
    {
        var source = Sources[which % Sources.Length];
        foreach (var (at, delete, insert) in changes)
        {
            var place = at % (source.Length + 1);
            source = source.Remove(place, Math.Min(delete % 12, source.Length - place)).Insert(place, Fragments[insert % Fragments.Length]);
        }

        try
        {
            ChatTemplate.Parse(source, "mutant").Render(Talk, addGenerationPrompt: true);
        }
        catch (HorizonException e)
        {
            Assert.StartsWith("mutant, chat template, line", e.Message, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("{% for a in range(99999) %}{% for b in range(99999) %}x{% endfor %}{% endfor %}", "more work")]
    [InlineData("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "deep")]
    [InlineData("{% set ns = namespace(x='ab') %}{% for a in range(99) %}{% set ns.x = ns.x + ns.x %}{% endfor %}", "more work")]
    [InlineData("{% set ns = namespace(x=[1]) %}{% for a in range(60) %}{% set ns.x = [ns.x, ns.x] %}{% endfor %}{{ ns.x }}", "more work")]
    [InlineData("{{ 'a' * 99999999 }}", "too long")]
    [InlineData("{{ range(1000000000000) }}", "range")]
    [InlineData("{{ 9223372036854775807 + 1 }}", "too large")]
    [InlineData("{{ 1 // 0 }}", "divided by 0")]
    [InlineData("{% if true %}", "missing")]
    [InlineData("{{ nothing.at.all }}", "'nothing' is undefined")]
    [InlineData("{% include 'x' %}", "'include' is no statement")]
    [InlineData("{{ 'a' | shout }}", "no filter 'shout'")]
    [InlineData("a\nb\n{{ raise_exception('only two turns') }}", "line 3: the template refuses this conversation: only two turns")]
    public void Render_WrongOrEndlessTemplate_IsRefused(string source, string complaint)
    {
        var error = Assert.Throws<HorizonException>(() => ChatTemplate.Parse(source, "t").Render(Talk, addGenerationPrompt: false));
        Assert.Contains(complaint, error.Message, StringComparison.Ordinal);
    }

    /// <summary>Jinja2 refuses these too: an argument that nothing takes is never passed over.</summary>
    [Theory]
    [InlineData("{{ 'a' | trim(x='y') }}", "'trim' has no argument 'x'")]
    [InlineData("{{ 'a' | upper(1) }}", "'upper' takes no arguments")]
    [InlineData("{{ [1] | map(attribute='a', other=1) | list }}", "'map' has no argument 'other'")]
    [InlineData("{{ 'a' is string(1) }}", "'string' takes no arguments")]
    [InlineData("{{ 3 is divisibleby(num=3) }}", "'divisibleby' has no argument 'num'")]
    [InlineData("{{ 'a'.split(separator=',') }}", "'split' has no argument 'separator'")]
    [InlineData("{{ {'a': 1}.items(1) }}", "'items' takes no arguments")]
    [InlineData("{% macro m(a) %}{% endmacro %}{{ m(b=1) }}", "'m' has no argument 'b'")]
    [InlineData("{% macro m(a) %}{% endmacro %}{{ m(1, 2) }}", "'m' takes at most 1: a")]
    [InlineData("{% macro m(a) %}{% endmacro %}{{ m(1, a=2) }}", "'m' is given 'a' twice")]
    [InlineData("{{ 'a' | tojson(cls=1) }}", "'tojson' has no argument 'cls'")]
    [InlineData("{{ 'a' | tojson(indent=65) }}", "'tojson' needs a number from 0 to 64")]
    [InlineData("{{ range(1, stop=2, by=1) }}", "'range' has no argument 'stop'")]
    [InlineData("{{ 'a' | indent(2, true, false, 3) }}", "'indent' takes at most 3")]
    [InlineData("{{ 'x' | abs }}", "'abs' needs a number")]
    [InlineData("{{ 'a'.startswith(1) }}", "'startswith' needs a string")]
    [InlineData("{{ 'abc' | replace('a') }}", "'replace' needs a string as 'new'")]
    [InlineData("{{ [1] | select('odd', x=1) | list }}", "'select' has no argument 'x'")]
    [InlineData("{{ '7' | int(base=16) }}", "'int' needs 10")]
    [InlineData("{{ namespace(1) }}", "takes maps")]
    [InlineData("{{ (1,) + [2] }}", "'+' does not join a tuple and a list")]
    [InlineData("{{ [2] < (1,) }}", "a list and a tuple have no order")]
    [InlineData("{% set j = joiner() %}{{ j(1) }}", "'j' takes no arguments")]
    [InlineData("{% set j = joiner() %}{{ j(sep=1) }}", "'j' takes no arguments")]
    [InlineData("{{ cycler(a=1) }}", "'cycler' has no argument 'a'")]
    [InlineData("{% set c = cycler(1) %}{{ c.next(2) }}", "'next' takes no arguments")]
    [InlineData("{% set c = cycler(1) %}{{ c.reset(2) }}", "'reset' takes no arguments")]
    [InlineData("{% for i in [1] %}{{ loop.cycle(1, a=2) }}{% endfor %}", "'loop.cycle' has no argument 'a'")]
    [InlineData("{% for i in [1] %}{{ loop.changed(a=2) }}{% endfor %}", "'loop.changed' has no argument 'a'")]
    [InlineData("{{ '%s % z' % 1 }}", "stands before nothing known")]
    [InlineData("{{ '%#x' % 1 }}", "the flag '#' of '%#x' is not known")]
    [InlineData("{% block a required %}{% endblock %}", "the block 'a' is required")]
    [InlineData("{% block a %}{% endblock %}{% block a %}{% endblock %}", "the block 'a' stands there twice")]
    [InlineData("{% for i in [1] %}{% block a %}{{ loop.index }}{% endblock %}{% endfor %}", "'loop' is undefined")]
    [InlineData("{% for i in [1] %}{% block a %}{% break %}{% endblock %}{% endfor %}", "'break' is no statement here")]
    public void Render_ArgumentThatNothingTakes_IsRefused(string source, string complaint)
    {
        var error = Assert.Throws<HorizonException>(() => ChatTemplate.Parse(source, "t").Render(Talk, addGenerationPrompt: false));
        Assert.Contains(complaint, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Parse_DeepNesting_IsRefused()
    {
        foreach (var deep in (string[])["{{ " + new string('(', 5000) + "}}", "{{ " + new string('[', 5000) + "}}", string.Concat(Enumerable.Repeat("{% if a %}", 5000)),
            "{{ " + string.Concat(Enumerable.Repeat("not ", 5000)) + "}}", "{{ 1" + string.Concat(Enumerable.Repeat("+1", 5000)) + "}}"])
            Assert.Contains("deep", Assert.Throws<HorizonException>(() => ChatTemplate.Parse(deep, "t").Render(Talk, false)).Message);
    }
}

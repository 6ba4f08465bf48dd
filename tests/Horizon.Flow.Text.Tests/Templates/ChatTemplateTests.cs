using FsCheck.Xunit;

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

    [Property(MaxTest = 1000)]
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

    [Fact]
    public void Parse_DeepNesting_IsRefused()
    {
        foreach (var deep in (string[])["{{ " + new string('(', 5000) + "}}", "{{ " + new string('[', 5000) + "}}", string.Concat(Enumerable.Repeat("{% if a %}", 5000)),
            "{{ " + string.Concat(Enumerable.Repeat("not ", 5000)) + "}}", "{{ 1" + string.Concat(Enumerable.Repeat("+1", 5000)) + "}}"])
            Assert.Contains("deep", Assert.Throws<HorizonException>(() => ChatTemplate.Parse(deep, "t").Render(Talk, false)).Message);
    }
}

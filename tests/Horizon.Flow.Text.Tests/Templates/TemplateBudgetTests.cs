using Horizon.Flow.Text.Templates;

namespace Horizon.Flow.Text.Tests;

/// <summary>Everything that a template can call pays for what it touches: in a loop it comes to an end before it costs time or memory.</summary>
public class TemplateBudgetTests
{
    private const long Budget = 1L << 22;

    // Transient objects cost more bytes than units; the whole stays a small multiple.
    private const int BytesAUnit = 12;

    private const string Loop =
        "{% set s = 'ab' * 50000 %}{% set t = 'ab' * 50000 %}{% set l = range(10000) %}{% set m = dict() %}"
        + "{% set m = {'k': s, 'j': t} %}{% set lines = 'a\n' * 20000 %}{% for i in range(1000) %}{% set x = EXPRESSION %}{% endfor %}";

    private static readonly Conversation Talk = new(new ChatMessage("user", "Hi"));

    public static TheoryData<string> Work =>
    [
        "s | length", "s | reverse", "s is lower", "s is upper", "s | int", "s | float", "s | trim('x')", "s | trim", "s | upper", "s | title", "s | capitalize",
        "s | tojson", "s | indent", "lines | indent(2)", "s | replace('c', 'd')", "s | replace('a', 'd', 3)", "s | list", "s | first", "s | last", "s | unique", "s | join",
        "[s] | join", "[s] | unique", "[m] | map(attribute='k') | map('upper') | list", "[s] | map('length') | list", "[s] | select('lower') | list",
        "s == t", "s != t", "s < t", "s in [t]", "s in t", "'c' in s", "s ~ 'a'", "s + t", "s[::2]", "s[1:]", "{s: 1}", "m[s]", "m.get(s)", "s in m", "m == {'k': t, 'j': s}",
        "[1] | map(attribute=s, default=1) | list", "s.strip('ab')", "s.lstrip()", "s.rstrip('b')", "s.split('b')", "s.split()", "s.split('a', 5)", "lines.splitlines()",
        "s.startswith(t)", "s.endswith((t, t))", "s.find('c')", "s.find('c', 5)", "s.replace('c', 'd')", "s.removeprefix(t)", "s.removesuffix(t)", "s.upper()", "s.title()",
        "l + l", "l | list", "l | reverse", "l | first", "l | last", "l[::-1]", "l[3:]", "l | length in l", "99999 in l", "l == l | list", "l | string", "l | tojson", "l | map('string') | list",
        "l | unique", "l | select('odd') | list", "l | join", "range(10000)", "m | string", "m | tojson(sort_keys=true)", "(s | string) ~ s", "'x' * 100000", "dict({s: 1})",
    ];

    [Theory]
    [MemberData(nameof(Work))]
    public void Render_WorkInALoop_IsStoppedByWhatItTouches(string expression)
    {
        var before = GC.GetAllocatedBytesForCurrentThread();
        Assert.Contains("more work", Assert.Throws<HorizonException>(() => Render(expression)).Message, StringComparison.Ordinal);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, BytesAUnit * Budget);
    }

    /// <summary>The loop itself, and what touches no characters, is cheap: what is stopped above is stopped for its own work.</summary>
    [Theory]
    [InlineData("s")]
    [InlineData("s | string")]
    [InlineData("s | default(t)")]
    [InlineData("m.k")]
    [InlineData("l[5]")]
    [InlineData("s is string")]
    public void Render_NoWorkInALoop_IsRendered(string expression) => Assert.Equal("", Render(expression));

    /// <summary>All renderings of a conversation share a budget, so that many turns do not multiply what each may spend.</summary>
    [Fact]
    public void AssistantSpans_ManyTurnsOfAHostileTemplate_AreStoppedTogether()
    {
        var template = ChatTemplate.Parse("{% for i in range(9000) %}{% set x = i + i %}{% endfor %}", "slow");
        var turns = Enumerable.Range(0, 10).Select(i => new ChatMessage(i % 2 == 0 ? "user" : "assistant", $"turn {i}")).ToList();
        var budget = TemplateBudget.OfConversation("slow", turns, Budget);
        var renderings = 0;
        var error = Assert.Throws<HorizonException>(() =>
        {
            for (; renderings < 2 * turns.Count; renderings++) template.Render(new Conversation(turns), 2, addGenerationPrompt: false, null, budget);
        });
        Assert.Contains("more work", error.Message, StringComparison.Ordinal);
        Assert.InRange(renderings, 1, turns.Count);
    }

    private static string Render(string expression) =>
        ChatTemplate.Parse(Loop.Replace("EXPRESSION", expression, StringComparison.Ordinal), "t")
            .Render(Talk, 1, addGenerationPrompt: false, null, new TemplateBudget("t", Budget)).Text;
}

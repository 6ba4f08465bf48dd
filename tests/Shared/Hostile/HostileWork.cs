using System.Text;

namespace Horizon.Flow.Tests.Hostile;

/// <summary>Makes files that are well formed and ask for work without end: what they may cost is bounded by what reads them.</summary>
internal static class HostileWork
{
    private static readonly string[] Values = ["s", "t", "l", "m", "i", "'a'", "x", "[s, t]", "{'k': s}", "{s: l}", "n.v", "1", "none"];

    private static readonly string[] Suffixes =
    [
        " | length", " | reverse", " | int", " | float", " | trim('ab')", " | upper", " | title", " | tojson(sort_keys=true)", " | tojson(indent=60)", " | indent(60)",
        " | replace('a', s)", " | list", " | first", " | unique", " | join(s)", " | map('upper') | list", " | map(attribute=s, default=1) | list", " | select('in', l) | list",
        " | string", " | default(s)", " | items", " is lower", " is upper", " is in l", " == t", " < t", " in l", " in s", " ~ s", " + t", " + l", " * 1000", "[::-1]", "[1:]", "[s]",
        ".strip(s)", ".split('b')", ".split()", ".splitlines()", ".startswith((s, t))", ".find('aab' * 100)", ".replace('b', s)", ".removeprefix(t)", ".get(s)", ".items()", ".keys()",
    ];

    /// <summary>A template that does a random thing to large values in a loop, and keeps what comes of it.</summary>
    public static byte[] Template(Random random)
    {
        var work = string.Concat(Enumerable.Range(0, random.Next(1, 4)).Select(_ => $"{{% set x = {Expression(random)} %}}"));
        var keep = random.Next(3) == 0 ? "{% set n.v = [n.v, x] %}" : random.Next(2) == 0 ? "{% set n.v = x %}" : "";
        var loop = $"{{% for i in range({1 << random.Next(4, 17)}) %}}{work}{keep}{{% endfor %}}";
        return Encoding.UTF8.GetBytes(
            $"{{% set s = {(random.Next(2) == 0 ? "'a'" : "'ab '")} * {1 << random.Next(8, 19)} %}}{{% set t = s ~ 'b' %}}{{% set l = range({1 << random.Next(2, 17)}) %}}"
            + $"{{% set m = {{'k': s, s: 1}} %}}{{% set x = s %}}{{% set n = namespace(v=s) %}}{loop}{{{{ x }}}}");
    }

    /// <summary>A tokenizer whose patterns take long at every place of an ordinary text, each of them within its own limit.</summary>
    public static byte[] SlowTokenizer(Random random)
    {
        var pattern = random.GetItems(["(a+)+b|.", "(a|aa)+b|.", "(?=(a+)+b)|.", "(a*)*b|a", "(\\\\w+\\\\s?)+!|."], 1)[0];
        var split = $"{{\"type\":\"Split\",\"pattern\":{{\"Regex\":\"{pattern}\"}},\"behavior\":\"Isolated\"}}";
        var replace = $"{{\"type\":\"Replace\",\"pattern\":{{\"Regex\":\"{pattern}\"}},\"content\":\"a\"}}";
        return Encoding.UTF8.GetBytes(
            $"{{\"model\":{{\"vocab\":{{\"a\":0,\"b\":1}},\"merges\":[]}},{(random.Next(2) == 0 ? $"\"pre_tokenizer\":{split}" : $"\"normalizer\":{replace}")}}}");
    }

    private static string Expression(Random random)
    {
        var expression = Values[random.Next(Values.Length)];
        for (var left = random.Next(1, 4); left > 0; left--) expression = $"({expression}{Suffixes[random.Next(Suffixes.Length)]})";
        return expression;
    }
}

using System.Text;
using FsCheck;
using FsCheck.Fluent;

namespace Horizon.Flow.Text.Tests;

/// <summary>A well-formed string with characters from everywhere, plain ones and white space more often.</summary>
public sealed record UnicodeText(string Value)
{
    public static Arbitrary<UnicodeText> Arbitrary()
    {
        var plain = Gen.Elements("abcdefgh ABC 0123456789 \n\t\r '.,!?<>|".ToCharArray()).Select(c => new Rune(c));
        var any = Gen.Choose(0, 0x10FFFF).Select(c => Rune.IsValid(c) ? new Rune(c) : Rune.ReplacementChar);
        var marks = Gen.Choose(0x300, 0x36F).Select(c => new Rune(c));
        var basic = Gen.Choose(0, 0x3FFF).Select(c => new Rune(c));
        var rune = Gen.Frequency((6, plain), (1, any), (1, marks), (2, basic));
        return Arb.From(
            Gen.ListOf(rune).Select(runes => new UnicodeText(string.Concat(runes.Select(r => r.ToString())))),
            text => text.Value.Length < 2
                ? []
                : [new UnicodeText(Sound(text.Value[..(text.Value.Length / 2)])), new UnicodeText(Sound(text.Value[(text.Value.Length / 2)..]))]);
    }

    private static string Sound(string text) => Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(text));
}

using Horizon.Flow.Tests.Shared;

namespace Horizon.Flow.Cli.Tests.Printing;

public class PrintableTests
{
    [Cases(500)]
    public void Text_AnyText_HasNoControlCharacterButLineFeedsAndTabs(string? text, char control)
    {
        var printed = Printable.Text($"{text}{(char)(control % 160)}");
        Assert.DoesNotContain(printed, c => char.IsControl(c) && c is not ('\n' or '\t'));
        Assert.Equal(printed, Printable.Text(printed));
    }

    [Cases(500)]
    public void Line_AnyText_IsOneLine(string? text) =>
        Assert.DoesNotContain(Printable.Line($"a\n{text}"), c => char.IsControl(c) && c != '\t');

    [Fact]
    public void TextAndLine_TitleColourAndFakeLine_AreSpelledOut()
    {
        Assert.Equal("\\u001b]0;title\\u0007\n\ttext", Printable.Text("\u001b]0;title\u0007\r\n\ttext"));
        Assert.Equal("ok\\u000aerror: no\\u009b31m", Printable.Line("ok\nerror: no\u009b31m"));
    }
}

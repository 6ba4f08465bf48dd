using System.Globalization;
using Horizon.Flow.Graph;
using Spectre.Console;
using Spectre.Console.Rendering;

namespace Horizon.Flow.Cli;

/// <summary>
/// A bar for each stage: how much of the time since the first step it worked, waited (for a buffer, a version, the device) and could not pass its output on. What
/// is left it had no input. The stage that works or waits nearly all the time is the one that the others wait for.
/// </summary>
internal sealed class StageBars(Func<IReadOnlyDictionary<string, StageShares>> shares, bool unicode)
{
    private const int BarWidth = 30;
    private const int Rows = 9;
    private IReadOnlyDictionary<string, StageShares>? _before;

    /// <summary>The first step, which warms up, is over: what came before no longer counts.</summary>
    public void Begin() => _before ??= shares();

    /// <summary>The bars of the stages that had most to do, in the order of the graph; null where none has begun.</summary>
    public IRenderable? Draw()
    {
        var stages = shares().Select(pair => (Stage: pair.Key, Shares: Since(pair.Key, pair.Value))).Where(one => one.Shares.Messages > 0 && one.Shares.Total > TimeSpan.Zero).ToList();
        if (stages.Count == 0) return null;
        var shown = stages.OrderByDescending(one => Used(one.Shares)).Take(Rows).Select(one => one.Stage).ToHashSet();
        var width = shown.Max(stage => stage.Length);
        return new Rows(stages.Where(one => shown.Contains(one.Stage)).Select(one => new Markup(Line(one.Stage.PadRight(width), one.Shares)) { Overflow = Overflow.Crop }));
    }

    private static double Used(StageShares shares) => (shares.Busy + shares.Waiting + shares.Blocked) / shares.Total;

    private StageShares Since(string stage, StageShares now) => _before is null || !_before.TryGetValue(stage, out var before) ? now : new StageShares(
        now.Messages - before.Messages, now.Busy - before.Busy, now.Waiting - before.Waiting, now.Starved - before.Starved, now.Blocked - before.Blocked);

    private string Line(string stage, StageShares shares)
    {
        int Ends(TimeSpan time) => (int)Math.Round(BarWidth * Math.Clamp(time / shares.Total, 0, 1));
        var (busy, waiting, blocked) = (Ends(shares.Busy), Ends(shares.Busy + shares.Waiting), Ends(shares.Busy + shares.Waiting + shares.Blocked));
        var (full, half, light, none) = unicode ? ('█', '▒', '░', '·') : ('#', '=', '-', '.');
        var bar = $"[green]{new string(full, busy)}[/][yellow]{new string(half, waiting - busy)}[/][red]{new string(light, blocked - waiting)}[/][grey]{new string(none, BarWidth - blocked)}[/]";
        return string.Create(
            CultureInfo.InvariantCulture,
            $"{Markup.Escape(stage)} {bar} {Percent(shares.Busy, shares)} busy {Percent(shares.Waiting, shares)} waiting {Percent(shares.Blocked, shares)} blocked");
    }

    private static string Percent(TimeSpan part, StageShares shares) => string.Create(CultureInfo.InvariantCulture, $"{100 * (part / shares.Total),3:0} %");
}

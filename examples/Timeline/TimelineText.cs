using Horizon.Flow.Graph;
using Horizon.Flow.Messages;

namespace Horizon.Examples;

/// <summary>Draws spans as text: a line for each stage, time from left to right, each unit by its letter, waiting as a dot.</summary>
public static class TimelineText
{
    /// <summary>Draws.</summary>
    /// <param name="spans">What the stages did.</param>
    /// <param name="stages">The lines, from top to bottom.</param>
    /// <param name="columns">Characters of a line.</param>
    public static string Draw(IReadOnlyCollection<StageSpan> spans, IEnumerable<string> stages, int columns = 110)
    {
        var (start, end) = (spans.Min(span => span.Start), spans.Max(span => span.End));
        int Column(long time) => (int)((time - start) * (columns - 1) / Math.Max(1, end - start));

        var text = new System.Text.StringBuilder();
        foreach (var stage in stages)
        {
            var line = new string(' ', columns).ToCharArray();
            foreach (var span in spans.Where(span => span.Stage == stage))
            {
                line.AsSpan(Column(span.Start)..(Column(span.Start + span.WaitedTicks) + 1)).Fill('.');
                line.AsSpan(Column(span.Start + span.WaitedTicks)..(Column(span.End) + 1)).Fill(Letter(span.Message));
            }

            text.Append(stage.PadLeft(10)).Append(" |").Append(line).AppendLine("|");
        }

        return text.ToString();
    }

    private static char Letter(IUnitMessage? message) => message is UnitMessage unit ? (char)('A' + (unit.Visit.Unit % 26)) : '#';
}

using System.Globalization;
using System.Numerics;
using Horizon.Flow.Runs.Data;

namespace Horizon.Flow.Cli;

/// <summary>A look at data as lines of text; what is trained stands in green on a terminal, in marks elsewhere.</summary>
internal static class DataText
{
    private const int BarWidth = 40;
    private const int LongestExample = 4000;
    private const string Green = "\u001b[32m";
    private const string Plain = "\u001b[0m";

    public static void Write(DataReport report, TextWriter output)
    {
        var summary = report.Summary;
        Line($"documents: {summary.Documents:N0}{(summary.BadRecords > 0 ? $", and {summary.BadRecords:N0} malformed records" : "")}");
        Line($"tokens:    {summary.Tokens:N0}, of which {summary.LabelledTokens:N0} ({Share(summary.LabelledTokens, summary.Tokens)}) are learned");
        Line($"rows:      {summary.Rows:N0} of at most {report.SequenceLength:N0} tokens, {(report.Places > 0 ? report.Efficiency.ToString("P1", CultureInfo.InvariantCulture) + " of their places filled" : "one behind another without padding")}");
        foreach (var warning in summary.Warnings) output.WriteLine($"note:      {Printable.Line(warning)}");
        WriteHistogram(report.Lengths, output);
        var terminal = (output as PrintedWriter)?.Terminal;
        for (var i = 0; i < report.Examples.Count; i++)
        {
            output.WriteLine();
            Line($"example {i + 1}{(i == 0 ? terminal is null ? ", what is learned between ⟦ and ⟧" : ", what is learned in green" : "")}:");
            WriteExample(report.Examples[i], output, terminal);
        }

        void Line(FormattableString text) => output.WriteLine(text.ToString(CultureInfo.InvariantCulture));
    }

    private static string Share(long part, long whole) => (whole == 0 ? 0 : (double)part / whole).ToString("P1", CultureInfo.InvariantCulture);

    /// <summary>Documents by their lengths, which double from line to line.</summary>
    private static void WriteHistogram(IReadOnlyList<int> lengths, TextWriter output)
    {
        if (lengths.Count == 0) return;
        output.WriteLine();
        output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"tokens a document: shortest {lengths[0]:N0}, median {lengths[lengths.Count / 2]:N0}, longest {lengths[^1]:N0}"));
        var counts = lengths.GroupBy(length => length == 0 ? -1 : BitOperations.Log2((uint)length)).ToDictionary(group => group.Key, group => group.Count());
        var most = counts.Values.Max();
        for (var power = counts.Keys.Min(); power <= counts.Keys.Max(); power++)
        {
            var count = counts.GetValueOrDefault(power);
            var upTo = power < 0 ? 0 : (1L << (power + 1)) - 1;
            var bar = new string('█', count == 0 ? 0 : Math.Max(1, (int)((long)count * BarWidth / most)));
            output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"  up to {upTo,9:N0}  {count,11:N0}  {bar}").TrimEnd());
        }
    }

    private static void WriteExample(IReadOnlyList<DataStretch> stretches, TextWriter output, TextWriter? terminal)
    {
        var left = LongestExample;
        foreach (var (text, isTrained) in stretches)
        {
            if (left <= 0) break;
            var shown = Printable.Text(text.Length > left ? text[..left] + "…" : text);
            left -= text.Length;
            if (!isTrained) output.Write(shown);
            else if (terminal is not null) terminal.Write(Green + shown + Plain);
            else output.Write($"⟦{shown}⟧");
        }

        output.WriteLine();
    }
}

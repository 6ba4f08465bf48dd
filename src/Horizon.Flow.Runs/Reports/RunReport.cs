using System.Globalization;
using System.Text;
using Horizon.Flow.Host.Files;
using Horizon.Flow.Host.Memory;

namespace Horizon.Flow.Runs.Reports;

/// <summary>One HTML file about one run or several side by side: curves, graph, timeline, configuration and machine. It asks for nothing from elsewhere and has no script.</summary>
public static class RunReport
{
    private static readonly string[] Colours = ["#2f6fb0", "#c2443f", "#2a8a4a", "#8a5ab0", "#b07a1e", "#2a8f97", "#a03c78", "#6b6b6b"];

    private static readonly (string Title, string Curve, string? Dashed)[] Charts =
    [
        ("Loss (nats); dashed: held-out", "loss", "eval_loss"),
        ("Gradient norm before clipping", "grad_norm", null),
        ("Learning rate", "learning_rate", null),
        ("Tokens a second", "tokens_per_second", null),
        ("Host memory (bytes)", "host_bytes", null),
        ("Device memory, peak (bytes)", "device_bytes_peak", null),
    ];

    /// <summary>Writes the report.</summary>
    /// <param name="file">Its path; one that is there is replaced.</param>
    /// <param name="directories">Output folders of runs, at least one.</param>
    /// <exception cref="HorizonException">A folder holds no metrics, or something in it is not what a run writes; or the report cannot be written.</exception>
    public static void Write(string file, IReadOnlyList<string> directories)
    {
        var html = ToHtml(directories);
        try
        {
            OutputFile.Claim(file);
            File.WriteAllText(file, html);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new HorizonException($"the report '{file}' cannot be written: {error.Message.TrimEnd('.')}", error);
        }
    }

    /// <summary>The report's text.</summary>
    /// <inheritdoc cref="Write"/>
    public static string ToHtml(IReadOnlyList<string> directories)
    {
        ArgumentNullException.ThrowIfNull(directories);
        ArgumentOutOfRangeException.ThrowIfZero(directories.Count);
        var names = directories.Select(directory => Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(directory)))).ToList();
        // Folders of the same name are told apart by their whole paths.
        var runs = directories.Select((directory, i) => ReportedRun.Read(directory, names.Count(name => name == names[i]) == 1 ? names[i] : directory)).ToList();
        var html = new StringBuilder();
        html.Append(CultureInfo.InvariantCulture, $"<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"/><meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/><title>{HtmlText.Encode(string.Join(", ", runs.Select(run => run.Name)))}</title><style>{ReportStyle.Css}</style></head><body>\n");
        html.Append("<h1>").Append(runs.Count == 1 ? HtmlText.Encode(runs[0].Name) : "Runs side by side").Append("</h1>\n");
        WriteRuns(html, runs);
        html.Append("<h2>Curves</h2>\n<div class=\"charts\">\n");
        foreach (var (title, curve, dashed) in Charts) WriteChart(html, runs, title, curve, dashed);
        html.Append("</div>\n");
        foreach (var run in runs) WriteRun(html, run, runs.Count > 1);
        return html.Append("</body></html>\n").ToString();
    }

    private static void WriteRuns(StringBuilder html, IReadOnlyList<ReportedRun> runs)
    {
        html.Append("<div class=\"wide\"><table><thead><tr><th></th>");
        for (var i = 0; i < runs.Count; i++) html.Append(CultureInfo.InvariantCulture, $"<th><span class=\"key\" style=\"background:{Colours[i % Colours.Length]}\"></span>{HtmlText.Encode(runs[i].Name)}</th>");
        html.Append("</tr></thead><tbody>\n");
        Row("model", run => run.Facts?.Description);
        Row("steps", run => Last(run, "loss") is { } last ? $"{last.Step}" : null);
        Row("last loss", run => Format(Last(run, "loss")?.Value));
        Row("last held-out loss", run => Format(Last(run, "eval_loss")?.Value));
        Row("median tokens a second", run => Median(run, "tokens_per_second"));
        Row("skipped steps", run => run.Metrics.Skipped.Count == 0 ? null : $"{run.Metrics.Skipped.Count}");
        Row("device", run => run.Facts?.Device);
        Row("processor", run => run.Facts is { } facts ? $"{facts.Processor}, {facts.Processors} in use" : null);
        Row("memory", run => run.Facts is { } facts ? new ByteSize(facts.MemoryBytes).ToString() : null);
        Row("system", run => run.Facts?.System);
        Row("runtime", run => run.Facts?.Runtime);
        Row("Horizon.Flow", run => run.Facts?.Version);
        Row("started", run => run.Facts?.Started.ToString("yyyy-MM-dd HH:mm:ss 'UTC'", CultureInfo.InvariantCulture));
        html.Append("</tbody></table></div>\n");

        void Row(string name, Func<ReportedRun, string?> value)
        {
            var values = runs.Select(value).ToList();
            if (values.TrueForAll(one => one is null)) return;
            html.Append(CultureInfo.InvariantCulture, $"<tr><th>{name}</th>{string.Concat(values.Select(one => $"<td>{HtmlText.Encode(one ?? "not recorded")}</td>"))}</tr>\n");
        }
    }

    private static void WriteChart(StringBuilder html, IReadOnlyList<ReportedRun> runs, string title, string name, string? dashed)
    {
        var curves = new List<(string, bool, IReadOnlyList<(long, double?)>)>();
        for (var i = 0; i < runs.Count; i++)
        {
            if (runs[i].Metrics.Curves.TryGetValue(name, out var curve)) curves.Add((Colours[i % Colours.Length], false, curve));
            if (dashed is not null && runs[i].Metrics.Curves.TryGetValue(dashed, out var other)) curves.Add((Colours[i % Colours.Length], true, other));
        }

        html.Append(CultureInfo.InvariantCulture, $"<figure><figcaption>{title}</figcaption>{CurvePicture.Draw(title, curves)}</figure>\n");
    }

    private static void WriteRun(StringBuilder html, ReportedRun run, bool isOneOfSeveral)
    {
        if (isOneOfSeveral) html.Append(CultureInfo.InvariantCulture, $"<h2>{HtmlText.Encode(run.Name)}</h2>\n");
        if (run.Metrics.Unreadable > 0) html.Append(CultureInfo.InvariantCulture, $"<p>Lines of its metrics that could not be read and are left out: {run.Metrics.Unreadable}.</p>\n");
        WriteSentences(html, "Skipped steps", run.Metrics.Skipped);
        WriteSentences(html, "Notices", run.Metrics.Notices);
        if (run.Facts is { Nodes.Count: > 0 } facts)
            html.Append(CultureInfo.InvariantCulture, $"<h3>Graph</h3><div class=\"wide\">{GraphPicture.Draw(facts.Nodes, facts.Edges, run.Shares)}</div>\n");
        WriteShares(html, run);
        if (run.Timeline is { } timeline)
            html.Append(CultureInfo.InvariantCulture, $"<h3>Timeline of a step</h3><p>A colour is a step, grey is waiting.</p><div class=\"wide\">{timeline}</div>\n");
        if (run.Facts is { } recorded)
            html.Append(CultureInfo.InvariantCulture, $"<details><summary>Configuration</summary><pre>{HtmlText.Encode(recorded.Configuration)}</pre></details>\n");
    }

    private static void WriteShares(StringBuilder html, ReportedRun run)
    {
        if (run.Shares is not { Count: > 0 } shares) return;
        html.Append("<h3>Stages</h3><p class=\"legend\"><span class=\"key busy\"></span>busy <span class=\"key waiting\"></span>waiting for a buffer, a version or a turn <span class=\"key starved\"></span>no input <span class=\"key blocked\"></span>output not taken</p>\n<table class=\"stages\"><tbody>\n");
        foreach (var (stage, share) in shares)
            html.Append(CultureInfo.InvariantCulture, $"<tr><th>{HtmlText.Encode(stage)}</th><td>{share.Busy.TotalSeconds:F2} s busy</td><td class=\"bar\"><svg viewBox=\"0 0 200 12\" preserveAspectRatio=\"none\" role=\"img\" aria-label=\"shares\">{GraphPicture.Bar(share, 0, 0, 200, 12)}</svg></td></tr>\n");
        html.Append("</tbody></table>\n");
        if (RunAdvice.Of(shares) is { } advice) html.Append(CultureInfo.InvariantCulture, $"<p>{HtmlText.Encode(advice.Sentence)}.</p>\n");
    }

    private static void WriteSentences(StringBuilder html, string title, IReadOnlyList<(long Step, string Text)> sentences)
    {
        if (sentences.Count == 0) return;
        html.Append(CultureInfo.InvariantCulture, $"<details><summary>{title} ({sentences.Count})</summary><ul>{string.Concat(sentences.Select(one => $"<li>step {one.Step}: {HtmlText.Encode(one.Text)}</li>"))}</ul></details>\n");
    }

    private static (long Step, double? Value)? Last(ReportedRun run, string curve) => run.Metrics.Curves.TryGetValue(curve, out var points) ? points[^1] : null;

    private static string? Format(double? value) => value?.ToString("G5", CultureInfo.InvariantCulture);

    private static string? Median(ReportedRun run, string curve)
    {
        var values = run.Metrics.Curves.GetValueOrDefault(curve)?.Select(point => point.Value).OfType<double>().Order().ToList();
        return values is { Count: > 0 } ? CurvePicture.Number(values[values.Count / 2]) : null;
    }
}

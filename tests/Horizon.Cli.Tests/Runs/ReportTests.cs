using System.Text.Json;
using System.Xml.Linq;

namespace Horizon.Flow.Cli.Tests.Runs;

/// <summary><c>horizon report</c>, read back by an XML parser: the report is well-formed, so what is in it is countable.</summary>
public sealed class ReportTests : IDisposable
{
    private readonly RunFolder _run = new();

    public void Dispose() => _run.Dispose();

    [Fact]
    public async Task Report_TwoRuns_ShowsCurvesGraphTimelineConfigurationAndMachine()
    {
        var row = Enumerable.Range(1, 8).Select(id => (long)id).ToArray();
        _run.WriteTokens("rows.jsonl", Enumerable.Repeat((row, row), 5));
        _run.Write("run.yaml", $$"""
            model:      { path: {{RunFolder.Data("reference", "qwen2-tied")}} }
            data:       { path: rows.jsonl, packing: false }
            evaluation: { path: rows.jsonl, every_steps: 2 }
            training:   { batch_size: 1, precision: fp32 }
            output:     { directory: out, overwrite: true }
            device:     cpu
            """);
        Assert.Equal(0, (await _run.RunAsync("train", _run.In("run.yaml"), "--trace", "steps=2")).ExitCode);
        Assert.Equal(0, (await _run.RunAsync("train", _run.In("run.yaml"), "--set", $"output.directory={_run.In("other")}", "--set", "optimizer.learning_rate=0.01")).ExitCode);

        var report = await ReportAsync(_run.Output, _run.In("other"));
        var text = report.ToString();
        Assert.Equal(6, report.Descendants("figure").Count());
        var loss = report.Descendants("figure").First();
        Assert.Equal(4, loss.Descendants("path").Count(path => path.Attribute("class")?.Value == "curve")); // loss and held-out loss of both
        Assert.Equal(5, Points(loss.Descendants("path").First(path => path.Attribute("class")?.Value == "curve")));
        Assert.Equal(2, report.Descendants("h3").Count(title => title.Value == "Graph"));
        Assert.Single(report.Descendants("h3"), title => title.Value == "Timeline of a step");
        var stages = JsonDocument.Parse(File.ReadAllText(_run.In("out/stages.json"))).RootElement.EnumerateObject().Select(stage => stage.Name);
        Assert.Equal(stages, report.Descendants("table").First(table => table.Attribute("class")?.Value == "stages").Descendants("th").Select(stage => stage.Value));
        Assert.Contains("learning_rate: 0.01", text, StringComparison.Ordinal);
        Assert.Contains(".NET", text, StringComparison.Ordinal);
        RequireSelfContained(report);
    }

    /// <summary>What strangers wrote is text, whatever it says; and what is not there is not missed.</summary>
    [Fact]
    public async Task Report_HostileText_StaysText()
    {
        const string hostile = "</script><script>alert(1)</script>\u0001\"'&";
        _run.Write("<b>out&amp;/metrics.jsonl", string.Join('\n',
            """{"step":1,"loss":2.5,"tokens_per_second":100}""",
            JsonSerializer.Serialize(new { step = 1, notice = hostile }),
            JsonSerializer.Serialize(new { step = 2, loss = (double?)null, skip_reason = hostile }),
            """{"step":2,"loss":1e999}""",
            """{"step":3,"lo"""));
        var folder = _run.In("<b>out&amp;");
        File.WriteAllText(Path.Combine(folder, "trace.json"), $$$"""
            {"traceEvents":[{"ph":"M","pid":1,"tid":1,"name":"thread_name","args":{"name":{{{JsonSerializer.Serialize("<i>row")}}}}},
            {"ph":"X","pid":1,"tid":1,"cat":"unit","name":{{{JsonSerializer.Serialize("<script>\u0001unit")}}},"ts":0,"dur":5,"args":{"step":1}}]}
            """);
        var report = await ReportAsync(folder);
        Assert.Empty(report.Descendants("script"));
        Assert.Contains("</script><script>alert(1)</script>\uFFFD\"'&", report.Descendants("li").First().Value, StringComparison.Ordinal);
        Assert.DoesNotContain("NaN", report.ToString(), StringComparison.Ordinal);
        Assert.Equal("<b>out&amp;", report.Descendants("h1").Single().Value);
        Assert.Contains("Lines of its metrics that could not be read and are left out: 1.", report.ToString(), StringComparison.Ordinal);
        RequireSelfContained(report);
    }

    [Theory]
    [InlineData("no-such-folder", "metrics.jsonl is missing")]
    [InlineData("broken", "trace.json is not a trace of a run")]
    [InlineData("twice", "run.json is not a record of what a run was")]
    public async Task Report_NotARun_SaysWhat(string name, string expected)
    {
        _run.Write("broken/metrics.jsonl", """{"step":1,"loss":2.5}""");
        _run.Write("broken/trace.json", "{}");
        _run.Write("twice/metrics.jsonl", """{"step":1,"loss":2.5}""");
        _run.Write("twice/run.json", """
            {"description":"d","version":"v","runtime":"r","system":"s","processor":"p","processors":1,"memory_bytes":1,"device":"cpu","started":"2026-01-01T00:00:00Z",
            "configuration":"c","nodes":[{"name":"a","lines":[]},{"name":"a","lines":[]}],"edges":[]}
            """);
        var (code, _, error) = await _run.RunAsync("report", _run.In(name));
        Assert.NotEqual(0, code);
        Assert.Contains(expected, error, StringComparison.Ordinal);
    }

    private static int Points(XElement path) => path.Attribute("d")!.Value.Count(c => c is 'M' or 'L');

    // Nothing that a browser would fetch or run.
    private static void RequireSelfContained(XElement report)
    {
        Assert.DoesNotContain(report.Descendants(), element => element.Name.LocalName is "script" or "link" or "img" or "iframe" or "object");
        Assert.DoesNotContain(report.Descendants().Attributes(), attribute => attribute.Name.LocalName is "src" or "href" || attribute.Name.LocalName.StartsWith("on", StringComparison.Ordinal));
        Assert.DoesNotContain("url(", report.Descendants("style").Single().Value, StringComparison.Ordinal);
    }

    private async Task<XElement> ReportAsync(params string[] folders)
    {
        var (code, output, error) = await _run.RunAsync(["report", .. folders]);
        Assert.Equal((0, ""), (code, error));
        var file = Path.Combine(folders[0], "report.html");
        Assert.Equal($"report written to {file}\n", output);
        var html = File.ReadAllText(file);
        Assert.StartsWith("<!DOCTYPE html>\n", html, StringComparison.Ordinal);
        // Names without the svg namespace of some pictures.
        return XElement.Parse(html["<!DOCTYPE html>\n".Length..].Replace(" xmlns=\"http://www.w3.org/2000/svg\"", "", StringComparison.Ordinal));
    }
}

namespace Horizon.Flow.Runs.Reports;

/// <summary>How a report looks: one column on a phone, several curves beside each other where there is room.</summary>
internal static class ReportStyle
{
    public const string Css = """
        body{font:15px/1.45 system-ui,sans-serif;margin:0 auto;padding:12px;max-width:1240px;color:#222;background:#fff;color-scheme:light}
        h1{font-size:1.5em;overflow-wrap:anywhere} h2{font-size:1.25em;margin-top:1.6em;overflow-wrap:anywhere} h3{font-size:1.05em}
        .charts{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,350px),1fr));gap:12px}
        figure{margin:0;border:1px solid #ddd;border-radius:6px;padding:8px} figcaption{font-weight:600;font-size:.9em}
        figure svg{width:100%;height:auto;display:block} svg text{font:12px system-ui,sans-serif;fill:#333}
        .grid{stroke:#e6e6e6;fill:none} .curve{fill:none;stroke-width:1.6;stroke-linejoin:round;stroke-linecap:round}
        .wide{overflow-x:auto;max-width:100%} .box{fill:#f7f7f7;stroke:#888} .edge{fill:none;stroke:#999} .back{stroke-dasharray:4 3;stroke:#bbb}
        .busy{fill:#c2443f;background:#c2443f} .waiting{fill:#d9b44a;background:#d9b44a} .starved{fill:#d5d9de;background:#d5d9de} .blocked{fill:#5b7fb5;background:#5b7fb5}
        .key{display:inline-block;width:.8em;height:.8em;border-radius:2px;margin-right:.35em}
        table{border-collapse:collapse;font-size:.9em} th,td{text-align:left;vertical-align:top;padding:3px 10px 3px 0;border-bottom:1px solid #eee} td{overflow-wrap:anywhere}
        .stages{width:100%} .stages td{white-space:nowrap} .bar{width:60%} .bar svg{width:100%;height:12px;display:block}
        pre{overflow-x:auto;background:#f7f7f7;padding:8px;border-radius:6px;font-size:.85em} summary{cursor:pointer;margin:.5em 0}
        """;
}

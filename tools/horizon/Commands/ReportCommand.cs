using System.CommandLine;
using Horizon.Flow.Runs.Reports;

namespace Horizon.Flow.Cli;

/// <summary><c>horizon report</c>.</summary>
public sealed class ReportCommand : Command, IExample
{
    private const string FileName = "report.html";

    /// <summary>Creates the command.</summary>
    public ReportCommand()
        : base("report", "Write one HTML file about a run, or several side by side: curves, graph, timeline, configuration.")
    {
        var runs = new Argument<string[]>("DIR") { Description = "Output folder of a run; several for runs side by side.", Arity = ArgumentArity.OneOrMore };
        var file = new Option<string?>("--output") { Description = $"Where to write it; {FileName} in the first folder by default.", HelpName = "FILE" };
        Arguments.Add(runs);
        Options.Add(file);
        SetAction(parse =>
        {
            var directories = parse.GetRequiredValue(runs);
            var path = parse.GetValue(file) ?? Path.Combine(directories[0], FileName);
            RunReport.Write(path, directories);
            parse.InvocationConfiguration.Output.WriteLine($"report written to {path}");
            return ExitCodes.Success;
        });
    }

    /// <inheritdoc/>
    public string Example => """
        horizon report output                     # writes output/report.html, which any browser shows
        horizon report run-a run-b --output both.html
        """;
}

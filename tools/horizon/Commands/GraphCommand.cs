using System.CommandLine;
using Horizon.Flow.Runs.Metrics;
using Horizon.Flow.Runs.Validation;

namespace Horizon.Flow.Cli;

/// <summary><c>horizon graph</c>.</summary>
public sealed class GraphCommand : Command, IExample
{
    /// <summary>Creates the command.</summary>
    public GraphCommand(IGraphDrawer drawer)
        : base("graph", "Print the dataflow graph that a configuration would run.")
    {
        var input = new ConfigurationInput(this, ConfigurationUse.Inspect);
        var format = new Option<GraphFormat>("--format")
        {
            Description = "The language of the drawing: mermaid or dot.",
            HelpName = "mermaid|dot",
            DefaultValueFactory = _ => GraphFormat.Mermaid,
        };
        format.AcceptOnlyFromAmong("mermaid", "dot");
        Options.Add(format);
        var run = new Option<string?>("--run") { Description = "Output folder of a run: draws where each stage's time went.", HelpName = "DIR" };
        Options.Add(run);
        SetAction(parse =>
        {
            var shares = parse.GetValue(run) is { } folder ? StageSharesFile.Read(folder) : null;
            var drawing = drawer.Draw(input.Load(parse), shares);
            var text = parse.GetValue(format) == GraphFormat.Dot ? drawing.ToDot() : drawing.ToMermaid();
            parse.InvocationConfiguration.Output.WriteLine(text.TrimEnd());
            return ExitCodes.Success;
        });
    }

    /// <inheritdoc/>
    public string Example => """
        horizon graph run.yaml --format dot | dot -Tsvg > graph.svg
        horizon graph run.yaml --run output   # after a run: the bottleneck stands out
        # draws fetch, upload, recompute, backward, download and update with their capacities
        """;
}

using System.CommandLine;
using Horizon.Flow.Configuration;

namespace Horizon.Flow.Cli;

/// <summary><c>horizon graph</c>.</summary>
public sealed class GraphCommand : Command, IExample
{
    /// <summary>Creates the command.</summary>
    public GraphCommand(IGraphDrawer drawer)
        : base("graph", "Print the dataflow graph that a configuration would run.")
    {
        var input = new ConfigurationInput(this);
        var format = new Option<GraphFormat>("--format")
        {
            Description = "The language of the drawing: mermaid or dot.",
            HelpName = "mermaid|dot",
            DefaultValueFactory = _ => GraphFormat.Mermaid,
        };
        format.AcceptOnlyFromAmong("mermaid", "dot");
        Options.Add(format);
        SetAction(parse =>
        {
            var drawing = drawer.Draw(input.Load(parse, ConfigurationUse.Inspect));
            var text = parse.GetValue(format) == GraphFormat.Dot ? drawing.ToDot() : drawing.ToMermaid();
            parse.InvocationConfiguration.Output.WriteLine(text.TrimEnd());
            return ExitCodes.Success;
        });
    }

    /// <inheritdoc/>
    public string Example => """
        horizon graph run.yaml --format dot | dot -Tsvg > graph.svg
        # draws fetch, upload, recompute, backward, download and update with their capacities
        """;
}

using System.CommandLine;

namespace Horizon.Flow.Bench;

/// <summary><c>graph</c>: what the graph itself costs.</summary>
internal static class GraphVerb
{
    public static Command Create()
    {
        var pairs = new Option<int>("--pairs") { Description = "Steps of each, in turns.", DefaultValueFactory = _ => 150 };
        var command = new Command("graph", "Times a step on the graph beside the same step on threads and queues written by hand: the quickstart's model, and one that computes nothing.") { pairs };
        command.SetAction((arguments, _) => Verb.GuardAsync(_ => GraphShare.PrintAsync(arguments.GetValue(pairs), Console.Out)));
        return command;
    }
}

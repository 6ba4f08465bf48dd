using System.CommandLine;

namespace Horizon.Flow.Bench;

/// <summary><c>memory</c>: a run's resident memory beside what the plan predicts.</summary>
internal static class MemoryVerb
{
    /// <summary>The hidden verb of the processes that measure one row each.</summary>
    public const string Child = "row";

    public static Command Create()
    {
        var names = MemoryRow.All.Select(one => one.Name).ToArray();
        var rows = new Argument<string[]>("row") { Description = $"Of {string.Join(", ", names)}; all by default.", Arity = ArgumentArity.ZeroOrMore };
        rows.AcceptOnlyFromAmong(names);
        var command = new Command("memory", "Measures the resident memory of real runs beside what the plan predicts.") { rows };
        command.SetAction(arguments => TableCommand.Run(arguments.GetValue(rows) is { Length: > 0 } some ? [.. some.Select(MemoryRow.Named)] : MemoryRow.All));
        var row = new Argument<string>("name");
        var folder = new Argument<string>("folder");
        var child = new Command(Child) { row, folder };
        child.Hidden = true;
        child.SetAction((arguments, _) => RowRun.RunAsync(MemoryRow.Named(arguments.GetValue(row)!), arguments.GetValue(folder)!, Console.Out));
        command.Subcommands.Add(child);
        return command;
    }
}

using System.CommandLine;
using Horizon.Flow.Tests.Hostile;

namespace Horizon.Flow.Soak;

/// <summary><c>fuzz</c>: hostile files for every reader of untrusted files. The same number makes the same file.</summary>
internal static class FuzzVerb
{
    public static Command Create()
    {
        var cases = new Option<int>("--cases") { Description = "How many files in all; one for each reader at least.", DefaultValueFactory = _ => 100_000 };
        var first = new Option<int>("--first") { Description = "The number of each reader's first file.", DefaultValueFactory = _ => 0 };
        var reader = new Option<string?>("--reader") { Description = "One reader alone." };
        var limit = new Option<int>("--limit") { Description = "Seconds that one file may take.", DefaultValueFactory = _ => 20 };
        var most = new Option<int>("--failures") { Description = "How many failures of a reader are shown.", DefaultValueFactory = _ => 3 };
        reader.AcceptOnlyFromAmong([.. HostileReaders.All.Select(one => one.Name)]);
        var command = new Command("fuzz", "Reads hostile files and fails on any crash, hang or allocation that the files do not justify.") { cases, first, reader, limit, most };
        command.SetAction(arguments => FuzzRun.Run(
            [.. HostileReaders.All.Where(one => arguments.GetValue(reader) is not { } name || one.Name == name)],
            arguments.GetValue(cases), arguments.GetValue(first), TimeSpan.FromSeconds(arguments.GetValue(limit)), arguments.GetValue(most), Console.Out));
        return command;
    }
}

using System.CommandLine;

namespace Horizon.Flow.Bench;

/// <summary>What the verbs share.</summary>
internal static class Verb
{
    public static Option<string> Device() => new("--device") { Description = "auto, cpu or cuda:N.", DefaultValueFactory = _ => "auto" };

    public static Option<int> Limit() => new("--limit") { Description = "Seconds that one part may take before the program is ended.", DefaultValueFactory = _ => 120 };

    public static Option<string> Shape() => new("--shape") { Description = $"One of {string.Join(", ", Shapes.Names)}.", DefaultValueFactory = _ => "tiny" };

    public static Option<int> Batch() => new("--batch") { Description = "Sequences of a micro-batch.", DefaultValueFactory = _ => 4 };

    public static Option<int> Sequence() => new("--seq") { Description = "Tokens of a sequence.", DefaultValueFactory = _ => 1024 };

    /// <summary>Runs a verb; 0, 1 where a check failed, 2 for what the user can mend.</summary>
    public static Task<int> GuardAsync(Func<Report, Task> body)
    {
        var report = new Report();
        return GuardAsync(async () =>
        {
            await body(report);
            return report.Finish();
        });
    }

    /// <summary>Runs a verb that prints for itself; its code, or 2 for what the user can mend.</summary>
    public static async Task<int> GuardAsync(Func<Task<int>> body)
    {
        try
        {
            return await body();
        }
        catch (HorizonException error)
        {
            Console.Error.WriteLine($"horizon-bench: {error.Message}");
            return 2;
        }
    }
}

using System.CommandLine;

namespace Horizon.Flow.Soak;

/// <summary><c>kill</c>: real training runs, killed at random moments; what comes out in the end is compared. See README.md here.</summary>
internal static class KillVerb
{
    public static Command Create()
    {
        var kills = new Argument<int>("kills") { Description = "How many." };
        var seed = new Option<int>("--seed") { Description = "Of settings and moments.", DefaultValueFactory = _ => 1 };
        var minutes = new Option<double>("--minutes") { Description = "No further kill after so many; the round in hand still comes to its end.", DefaultValueFactory = _ => double.PositiveInfinity };
        var ranks = new Option<int>("--ranks") { Description = "Ranks of each run, of which one is killed; the others must end by themselves.", DefaultValueFactory = _ => 1 };
        var command = new Command("kill", "Kills real training runs at random moments, resumes them, and compares what comes out in the end with a run that was never interrupted.") { kills, seed, minutes, ranks };
        command.SetAction((arguments, _) => RunAsync(arguments.GetValue(kills), arguments.GetValue(minutes), arguments.GetValue(ranks), new Random(arguments.GetValue(seed))));
        return command;
    }

    private static async Task<int> RunAsync(int kills, double minutes, int ranks, Random random)
    {
        var counts = new Counts();
        var start = TimeProvider.System.GetTimestamp();
        bool IsEnough() => counts.Kills >= kills || TimeProvider.System.GetElapsedTime(start).TotalMinutes >= minutes;
        for (var round = 0; !IsEnough() && counts.Failures.Count == 0; round++)
        {
            using var folder = new RoundFolder();
            await new Round(folder, RoundSettings.Draw(round, random, ranks), random, counts).RunAsync(IsEnough);
            Console.WriteLine($"round {round + 1}: {counts}");
        }

        foreach (var failure in counts.Failures) Console.Error.WriteLine(failure);
        Console.WriteLine(counts);
        return counts.Failures.Count == 0 ? 0 : 1;
    }
}

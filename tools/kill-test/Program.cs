using System.Globalization;
using Horizon.Flow.KillTest;

// Kills real training runs at random moments and compares what comes out in the end: kill-test KILLS [SEED]. See README.md.
if (args.Length is 0 or > 2 || !int.TryParse(args[0], CultureInfo.InvariantCulture, out var kills))
{
    Console.Error.WriteLine("usage: kill-test KILLS [SEED]");
    return 2;
}

var seed = args.Length > 1 ? int.Parse(args[1], CultureInfo.InvariantCulture) : 1;
var random = new Random(seed);
var counts = new Counts();
for (var round = 0; counts.Kills < kills && counts.Failures.Count == 0; round++)
{
    using var folder = new RoundFolder();
    await new Round(folder, RoundSettings.Draw(round, random), random, counts).RunAsync(kills);
    Console.WriteLine($"round {round + 1}: {counts}");
}

foreach (var failure in counts.Failures) Console.Error.WriteLine(failure);
Console.WriteLine(counts);
return counts.Failures.Count == 0 ? 0 : 1;

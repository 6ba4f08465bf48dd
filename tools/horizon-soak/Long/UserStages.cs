using System.Collections.Concurrent;
using System.Diagnostics;
using Horizon.Flow.Testing;

namespace Horizon.Flow.Soak;

/// <summary>Runs with users' stages that throw, drop, delay, duplicate, hold and cancel on random edges, many at once.</summary>
internal static class UserStages
{
    private const int Batch = 100;
    private static readonly TimeSpan Bound = TimeSpan.FromMinutes(5);

    public static async Task<int> RunAsync(int count, int parallel, ulong seed, TextWriter output)
    {
        var outcomes = new ConcurrentDictionary<string, int>();
        var (clock, done, failed) = (Stopwatch.StartNew(), 0, 0);
        for (; done < count; done += Batch)
        {
            var cases = PlanCases.Sample(Math.Min(Batch, count - done), seed + (ulong)done);
            await Parallel.ForEachAsync(cases, new ParallelOptions { MaxDegreeOfParallelism = parallel }, async (@case, _) =>
            {
                try
                {
                    var outcome = await @case.CheckAsync(Bound);
                    outcomes.AddOrUpdate(outcome, 1, (_, before) => before + 1);
                }
                catch (Exception error)
                {
                    Interlocked.Increment(ref failed);
                    await output.WriteLineAsync($"FAILED {@case}: {string.Join(", ", @case.Stages)}: {error.GetType().Name}: {error.Message}");
                }
            });
            if ((done + Batch) % 1000 == 0) await output.WriteLineAsync($"{done + Batch} runs, {failed} failed, {clock.Elapsed.TotalSeconds:F0} s");
        }

        foreach (var (outcome, times) in outcomes.OrderByDescending(pair => pair.Value)) await output.WriteLineAsync($"{times,6} {outcome}");
        await output.WriteLineAsync($"{outcomes.Values.Sum() + failed} runs, {failed} failed, {clock.Elapsed.TotalSeconds:F0} s");
        return failed == 0 ? 0 : 1;
    }
}

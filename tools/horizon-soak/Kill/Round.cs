using System.Globalization;
using System.Text.RegularExpressions;

namespace Horizon.Flow.Soak;

/// <summary>One run, killed and resumed until it is through, beside the same run without interruption.</summary>
internal sealed partial class Round(RoundFolder folder, RoundSettings settings, Random random, Counts counts)
{
    private const long SmallerThanAnyUnit = 100_000;

    private static readonly TimeSpan Bound = TimeSpan.FromMinutes(5);

    private string Output => folder["killed"];

    public async Task RunAsync(Func<bool> isEnough)
    {
        if (await UninterruptedAsync() is not { } expected) return;
        // Once there were enough kills the run is left to end, and its end still counts.
        while (counts.Failures.Count == 0)
        {
            if (!await StartAsync(isLast: isEnough())) continue;
            if (RunResults.Of(Output).DifferenceFrom(expected) is { } difference) Fail($"the run came out other than without interruption: {difference}");
            else counts.EqualRounds++;
            return;
        }
    }

    private async Task<RunResults?> UninterruptedAsync()
    {
        using var process = TrainingProcess.Start(Write("reference.yaml", folder["reference"], checkpoints: false), 2, settings.Ranks);
        if (await process.EndsWithinAsync(Bound) && process.ExitCode == 0) return RunResults.Of(folder["reference"]);
        Fail($"the uninterrupted run failed: {process.Text}");
        return null;
    }

    /// <summary>Whether the run is through.</summary>
    private async Task<bool> StartAsync(bool isLast)
    {
        var newest = NewestStep();
        var isDiskFull = !isLast && random.Next(10) == 0;
        counts.Starts++;
        using var process = TrainingProcess.Start(Write("killed.yaml", Output, checkpoints: true), random.Next(1, 3), settings.Ranks, isDiskFull ? SmallerThanAnyUnit : null);
        var ended = await (isLast ? process.EndsWithinAsync(Bound) : WaitSomeTimeAsync(process));
        if (!ended)
        {
            if (random.Next(5) == 0)
            {
                counts.WhileStopping++;
                process.RequestStop();
                await process.EndsWithinAsync(TimeSpan.FromSeconds(0.3 * random.NextDouble()));
            }

            if (!await process.KillAsync(random, Bound)) Fail($"ranks went on without the one that was killed: {process.Text}");
            counts.Kills++;
            if (Directory.Exists(Path.Combine(Output, "checkpoints")) && Directory.EnumerateDirectories(Path.Combine(Output, "checkpoints"), ".step-*").Any()) counts.WhileWriting++;
        }

        Check(process.Text, newest);
        if (isDiskFull) CheckFullDisk(process, ended, newest);
        else if (ended && process.ExitCode != 0) Fail($"exit code {process.ExitCode}: {process.Text}");
        return ended && process.ExitCode == 0;
    }

    // Most starts are let through to their first step, however slow the machine is just now.
    private async Task<bool> WaitSomeTimeAsync(TrainingProcess process)
    {
        if (random.Next(5) == 0) return await process.EndsWithinAsync(TimeSpan.FromSeconds(2 * random.NextDouble()));
        using var late = new CancellationTokenSource(Bound);
        await process.HasTrainedAsync(late.Token);
        return await process.EndsWithinAsync(TimeSpan.FromSeconds(1.2 * random.NextDouble()));
    }

    // A state that was complete when the process before died must be the one to go on from.
    private void Check(string text, long newest)
    {
        if (text.Contains("damaged", StringComparison.Ordinal)) Fail($"a damaged checkpoint: {text}");
        var from = GoingOn().Match(text);
        if (from.Success && long.Parse(from.Groups[1].ValueSpan, CultureInfo.InvariantCulture) != newest) Fail($"went on from step {from.Groups[1]}, but step {newest} was there");
        if (!from.Success && newest > 0 && text.Contains("training LlamaForCausalLM", StringComparison.Ordinal) && text.Contains("\nstep ", StringComparison.Ordinal)) Fail($"did not go on from step {newest}: {text}");
        if (!text.Contains("\nstep ", StringComparison.Ordinal)) counts.WhileStarting++;
        if (NewestStep() < newest) Fail($"step {newest} was there before, now the newest is {NewestStep()}");
    }

    private void CheckFullDisk(TrainingProcess process, bool ended, long newest)
    {
        if (NewestStep() != newest) Fail($"with a full disk a checkpoint of step {NewestStep()} came to be");
        if (process.Text.Contains("cannot write the checkpoint", StringComparison.Ordinal)) counts.FullDisks++;
        if (ended && (process.ExitCode is not (0 or 1) || process.Text.Contains("bug", StringComparison.Ordinal))) Fail($"with a full disk, exit code {process.ExitCode}: {process.Text}");
    }

    private long NewestStep()
    {
        var checkpoints = Path.Combine(Output, "checkpoints");
        if (!Directory.Exists(checkpoints)) return 0;
        return Directory.EnumerateDirectories(checkpoints, "step-*").Select(path => long.Parse(Path.GetFileName(path).AsSpan(5), CultureInfo.InvariantCulture)).DefaultIfEmpty(0).Max();
    }

    private string Write(string name, string output, bool checkpoints)
    {
        File.WriteAllText(folder[name], settings.Yaml(output, checkpoints, random));
        return folder[name];
    }

    private void Fail(string what) => counts.Failures.Add($"{settings}: {what}");

    [GeneratedRegex(@"going on from .*/step-(\d+)\n")]
    private static partial Regex GoingOn();
}

using System.CommandLine;
using Horizon.Flow.Distributed;
using Horizon.Flow.Runs.Metrics;
using Horizon.Flow.Runs.Sections;
using Horizon.Flow.Runs.Session;
using Horizon.Flow.Runs.Validation;

namespace Horizon.Flow.Cli;

/// <summary><c>horizon train</c>.</summary>
public sealed class TrainCommand : Command, IExample
{
    private readonly ITrainer _trainer;
    private readonly Func<TextWriter, ITrainingProgress> _progress;
    private readonly ConfigurationInput _input;

    private readonly TraceOption _trace = new();
    private readonly RankOption _ranks;

    private readonly Option<bool> _resume = new("--resume")
    {
        Description = "Go on from the newest whole checkpoint under output.directory.",
    };

    /// <summary>Creates the command.</summary>
    /// <param name="trainer">Who trains.</param>
    /// <param name="progress">How it is shown on a given output.</param>
    public TrainCommand(ITrainer trainer, Func<TextWriter, ITrainingProgress> progress)
        : base("train", "Train a model as a YAML file says. Ctrl-C stops after the step in hand and saves; a second one stops at once.")
    {
        _trainer = trainer;
        _progress = progress;
        _input = new ConfigurationInput(this, ConfigurationUse.Train);
        Options.Add(_resume);
        Options.Add(_trace);
        _ranks = new RankOption(this);
        SetAction((parse, _) => RunAsync(parse));
    }

    /// <inheritdoc/>
    public string Example => """
        horizon train examples/quickstart/quickstart.yaml --set training.max_steps=50
        horizon train run.yaml --trace steps=3   # leaves trace.json too: ui.perfetto.dev opens it
        horizon train run.yaml --gpus 2          # or: torchrun --no_python --nproc_per_node 2 horizon train run.yaml
        # leaves model/ (a Hugging Face folder), metrics.jsonl and an event file for TensorBoard under the file's output.directory
        """;

    private async Task<int> RunAsync(ParseResult parse)
    {
        var node = _ranks.ToStart(parse);
        if (node is { Nodes: > 1 } or { Ranks: > 1 }) return await LocalRanks.RunAsync(node, WithoutRanks(parse)).ConfigureAwait(false);
        var place = node is null ? RankEnvironment.Read() : null;
        using var launcher = place is null ? null : LauncherWatch.Begin();
        try
        {
            return place is { Rank: > 0 } ? await FollowAsync(parse, place).ConfigureAwait(false) : await RunAsync(parse, place).ConfigureAwait(false);
        }
        catch (Exception) when (place is { Count: > 1 })
        {
            await parse.InvocationConfiguration.Error.WriteLineAsync($"rank {place.Rank} of {place.Count}:").ConfigureAwait(false);
            throw;
        }
    }

    private async Task<int> RunAsync(ParseResult parse, RankPlace? place)
    {
        var (output, error) = (parse.InvocationConfiguration.Output, parse.InvocationConfiguration.Error);
        var configuration = _input.Load(parse);
        using var folder = OutputFolder.Prepare(configuration.Output.Directory!);
        using var stop = new StopSignals(error);
        var traceSteps = parse.GetValue(_trace);
        if (traceSteps > 0) File.Delete(folder.TracePath);
        using var phases = PhaseLines.To(output);
        if (await OpenAsync(configuration, parse, traceSteps, phases, place, stop).ConfigureAwait(false) is not { } session)
        {
            await output.WriteLineAsync("stopped before the first step; nothing was written").ConfigureAwait(false);
            return stop.ExitCode;
        }

        bool isStopped;
        await using (session.ConfigureAwait(false))
            isStopped = await TrainAsync(session, folder, phases, (PrintedWriter)output, (PrintedWriter)error, stop, place).ConfigureAwait(false);
        if (traceSteps > 0) await output.WriteLineAsync(File.Exists(folder.TracePath) ? $"trace written to {folder.TracePath}; ui.perfetto.dev opens it" : "the run ended before a step that --trace asks for; no trace was written").ConfigureAwait(false);
        return CodeOf(isStopped, stop);
    }

    // Rank 0 shows the run and writes it down; the others do their part of it.
    private async Task<int> FollowAsync(ParseResult parse, RankPlace place)
    {
        var configuration = _input.Load(parse);
        using var stop = new StopSignals(TextWriter.Null);
        using var phases = PhaseLines.To(TextWriter.Null);
        if (await OpenAsync(configuration, parse, 0, phases, place, stop).ConfigureAwait(false) is not { } session) return stop.ExitCode;
        await using (session.ConfigureAwait(false))
        {
            var steps = 0;
            await foreach (var happened in session.RunAsync(stop.Token).ConfigureAwait(false))
                if (happened is TrainingEvent.StepEnded) steps++;
            var saved = steps == 0 && session.Outline.FirstStep == 1 ? null : await session.SaveAsync().ConfigureAwait(false);
            return CodeOf(saved is null or { IsStopped: true }, stop);
        }
    }

    // Null where a signal came meanwhile. Of ranks that were all asked to stop, the last to hear of it may first hear that the others have gone.
    private async Task<ITrainingSession?> OpenAsync(RunConfiguration configuration, ParseResult parse, int traceSteps, PhaseLines phases, RankPlace? place, StopSignals stop)
    {
        try
        {
            return await _trainer.OpenAsync(configuration, parse.GetValue(_resume), traceSteps, phases, place, stop.Token).ConfigureAwait(false);
        }
        catch (Exception error) when (stop.Token.IsCancellationRequested && (error is OperationCanceledException || (error is HorizonException && place is not null)))
        {
            return null;
        }
    }

    // A signal to another rank ends this one as it ends that: whoever starts them again must not take a part of a run for its end.
    private static int CodeOf(bool isStopped, StopSignals stop) => isStopped && stop.ExitCode == ExitCodes.Success ? ExitCodes.Terminated : stop.ExitCode;

    // The ranks get the same words, but for those that ask for ranks.
    private static List<string> WithoutRanks(ParseResult parse)
    {
        var words = new List<string>();
        var tokens = parse.Tokens.Select(token => token.Value).ToList();
        for (var i = 0; i < tokens.Count; i++)
        {
            if (tokens[i] is "--gpus" or "--ranks") i++;
            else words.Add(tokens[i]);
        }

        return words;
    }

    private async Task<bool> TrainAsync(ITrainingSession session, OutputFolder folder, PhaseLines phases, PrintedWriter output, PrintedWriter error, StopSignals stop, RankPlace? place)
    {
        var outline = session.Outline;
        phases.End();
        var before = outline.FirstStep - 1;
        using var metrics = before > 0 ? MetricsWriter.Resume(folder.MetricsPath, before) : MetricsWriter.Create(folder.MetricsPath);
        using var curves = before > 0 ? EventFileWriter.Resume(folder.EventsPath, before) : EventFileWriter.Create(folder.EventsPath);
        var summary = new RunSummary(TimeProvider.System);
        var record = new RunRecord(metrics, curves, summary, output, error);
        await _progress(output).ShowAsync(outline, record.FollowAsync(session.RunAsync(stop.Token))).ConfigureAwait(false);
        phases.Report(new PhaseProgress("writing the model"));
        // Without a step there is nothing to save, and a model folder would pass for the end of a run.
        // Ranks do the same, whichever of them the signal came to.
        var saved = (stop.Token.IsCancellationRequested || place is not null) && summary.Steps == 0 && outline.FirstStep == 1 ? null : await session.SaveAsync().ConfigureAwait(false);
        phases.End();
        var isStopped = saved is null or { IsStopped: true } || stop.Token.IsCancellationRequested;
        foreach (var line in summary.Describe(saved, isStopped, outline))
            await output.WriteLineAsync(line).ConfigureAwait(false);
        record.NotePrintFailures();
        return isStopped;
    }
}

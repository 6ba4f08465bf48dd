using System.CommandLine;
using System.Runtime.CompilerServices;
using Horizon.Flow.Configuration;

namespace Horizon.Flow.Cli;

/// <summary><c>horizon train</c>.</summary>
public sealed class TrainCommand : Command, IExample
{
    private readonly ITrainer _trainer;
    private readonly Func<TextWriter, ITrainingProgress> _progress;
    private readonly ConfigurationInput _input;

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
        _input = new ConfigurationInput(this);
        Options.Add(_resume);
        SetAction((parse, _) => RunAsync(parse));
    }

    /// <inheritdoc/>
    public string Example => """
        horizon train examples/quickstart/quickstart.yaml --set training.max_steps=50
        # leaves model/ (a Hugging Face folder) and metrics.jsonl under the file's output.directory
        """;

    private async Task<int> RunAsync(ParseResult parse)
    {
        var (output, error) = (parse.InvocationConfiguration.Output, parse.InvocationConfiguration.Error);
        var configuration = _input.Load(parse, ConfigurationUse.Train);
        using var folder = OutputFolder.Prepare(configuration.Output.Directory!);
        using var stop = new StopSignals(error);
        ITrainingSession session;
        try
        {
            session = await _trainer.OpenAsync(configuration, parse.GetValue(_resume), stop.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (stop.Token.IsCancellationRequested)
        {
            await output.WriteLineAsync("stopped before the first step; nothing was written").ConfigureAwait(false);
            return stop.ExitCode;
        }
        await using (session.ConfigureAwait(false))
            await TrainAsync(session, folder, output, stop).ConfigureAwait(false);
        return stop.ExitCode;
    }

    private async Task TrainAsync(ITrainingSession session, OutputFolder folder, TextWriter output, StopSignals stop)
    {
        var outline = session.Outline;
        using var metrics = outline.FirstStep > 1
            ? MetricsWriter.Resume(folder.MetricsPath, outline.FirstStep - 1)
            : MetricsWriter.Create(folder.MetricsPath);
        var summary = new RunSummary(TimeProvider.System);
        await _progress(output).ShowAsync(outline, RecordAsync(session.RunAsync(stop.Token), metrics, summary)).ConfigureAwait(false);
        var saved = await session.SaveAsync().ConfigureAwait(false);
        foreach (var line in summary.Describe(saved, stopped: stop.Token.IsCancellationRequested))
            await output.WriteLineAsync(line).ConfigureAwait(false);
    }

    private static async IAsyncEnumerable<TrainingEvent> RecordAsync(
        IAsyncEnumerable<TrainingEvent> events, MetricsWriter metrics, RunSummary summary, [EnumeratorCancellation] CancellationToken cancellation = default)
    {
        await foreach (var happened in events.WithCancellation(cancellation).ConfigureAwait(false))
        {
            switch (happened)
            {
                case TrainingEvent.StepEnded { Report: var report }:
                    metrics.Write(report);
                    summary.Add(report);
                    break;
                case TrainingEvent.Evaluated { Step: var step, Loss: var loss }:
                    metrics.WriteEvaluation(step, loss);
                    break;
            }
            yield return happened;
        }
    }
}

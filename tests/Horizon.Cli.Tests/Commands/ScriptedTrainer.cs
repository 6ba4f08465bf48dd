using System.Runtime.CompilerServices;
using Horizon.Flow.Distributed;
using Horizon.Flow.Runs.Sections;
using Horizon.Flow.Runs.Session;

namespace Horizon.Flow.Cli.Tests.Commands;

/// <summary>A trainer for the tests of the command: plays events, notes what it was asked, and may fail.</summary>
public sealed class ScriptedTrainer : ITrainer
{
    public IReadOnlyList<TrainingEvent> Events { get; init; } = [];

    public long FirstStep { get; init; } = 1;

    public Exception? OpenError { get; init; }

    public Exception? RunError { get; init; }

    /// <summary>Called before each event; may raise a signal.</summary>
    public Action<TrainingEvent>? Before { get; init; }

    /// <summary>Whether another rank's signal ends the run.</summary>
    public bool IsStoppedElsewhere { get; init; }

    public RunConfiguration? Configuration { get; private set; }

    public bool Resume { get; private set; }

    public int TraceSteps { get; private set; }

    public bool Saved { get; private set; }

    public bool Disposed { get; private set; }

    public Task<ITrainingSession> OpenAsync(RunConfiguration configuration, bool resume, int traceSteps, IProgress<PhaseProgress> progress, RankPlace? place, CancellationToken cancellation)
    {
        (Configuration, Resume, TraceSteps) = (configuration, resume, traceSteps);
        return OpenError is null ? Task.FromResult<ITrainingSession>(new Session(this)) : Task.FromException<ITrainingSession>(OpenError);
    }

    private sealed class Session(ScriptedTrainer script) : ITrainingSession
    {
        public TrainingOutline Outline => new("llama", script.FirstStep, 100);

        public async IAsyncEnumerable<TrainingEvent> RunAsync([EnumeratorCancellation] CancellationToken stop)
        {
            foreach (var happened in script.Events)
            {
                await Task.Yield();
                script.Before?.Invoke(happened);
                yield return happened;
                if (stop.IsCancellationRequested)
                    yield break;
            }
            if (script.RunError is not null)
                throw script.RunError;
        }

        public Task<SavedRun> SaveAsync()
        {
            script.Saved = true;
            return Task.FromResult(new SavedRun("/out/model", "/out/checkpoints/step-2") { IsStopped = script.IsStoppedElsewhere });
        }

        public ValueTask DisposeAsync()
        {
            script.Disposed = true;
            return ValueTask.CompletedTask;
        }
    }
}

namespace Horizon.Flow;

/// <summary>Keeps the books of the steps under way: what is missing for each to be finished, and what must be disposed if none is.</summary>
internal sealed class StepLedger(TrainingContext context, TimeProvider time)
{
    private readonly Lock _gate = new();
    private readonly Dictionary<StepScope, OpenStep> _open = [];
    private readonly Dictionary<StepScope, TaskCompletionSource<double>> _evaluations = [];
    private readonly HashSet<MicroBatchScope> _microBatches = [];
    private long _lastEnd = time.GetTimestamp();
    private long _skippedSteps;

    public long SkippedSteps => Interlocked.Read(ref _skippedSteps);

    public bool IsUnderWay
    {
        get
        {
            lock (_gate) return _open.Count + _evaluations.Count > 0;
        }
    }

    public Task<StepReport> Open(StepScope step)
    {
        var open = new OpenStep(context.TrainedUnits, time.GetTimestamp());
        lock (_gate) _open.Add(step, open);
        return open.Report.Task;
    }

    public Task<double> OpenEvaluation(StepScope step)
    {
        var source = new TaskCompletionSource<double>(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (_gate) _evaluations.Add(step, source);
        _ = FinishEvaluationAsync(step, source);
        return source.Task;
    }

    public void Track(MicroBatchScope scope)
    {
        lock (_gate)
        {
            _microBatches.RemoveWhere(old => old.IsClosed);
            _microBatches.Add(scope);
        }
    }

    public void UnitCommitted(UnitVisit visit)
    {
        OpenStep? finished = null;
        lock (_gate)
        {
            if (_open.TryGetValue(visit.Step, out var open) && --open.MissingUnits == 0) finished = open;
        }

        if (finished is not null) _ = FinishAsync(visit.Step, finished);
    }

    public void FailAll(Func<Exception> failure)
    {
        List<TaskCompletionSource<StepReport>> steps;
        List<StepScope> evaluations;
        lock (_gate)
        {
            steps = [.. _open.Values.Where(open => open.MissingUnits > 0).Select(open => open.Report)];
            evaluations = [.. _evaluations.Keys];
        }

        foreach (var step in steps) Fail(step, failure());
        foreach (var evaluation in evaluations) evaluation.Fail(failure());
    }

    public void DisposeMicroBatches()
    {
        lock (_gate)
        {
            foreach (var scope in _microBatches) scope.Dispose();
            _microBatches.Clear();
        }
    }

    private async Task FinishAsync(StepScope step, OpenStep open)
    {
        try
        {
            await step.LossesKnown.ConfigureAwait(false);
            var now = time.GetTimestamp();
            var start = Math.Max(open.Started, _lastEnd);
            _lastEnd = now;
            if (step.SkipReason is not null) Interlocked.Increment(ref _skippedSteps);
            open.Report.TrySetResult(new StepReport(
                step.Number, step.Loss, step.GradientNorm, step.LearningRate, step.Tokens, time.GetElapsedTime(start, now),
                context.DeviceBytes, Environment.WorkingSet, step.SkipReason is not null)
            { SkipReason = step.SkipReason });
        }
        catch (Exception cause)
        {
            Fail(open.Report, cause);
        }
        finally
        {
            lock (_gate) _open.Remove(step);
        }
    }

    private async Task FinishEvaluationAsync(StepScope step, TaskCompletionSource<double> source)
    {
        try
        {
            await step.LossesKnown.ConfigureAwait(false);
            source.TrySetResult(step.Loss);
        }
        catch (Exception cause)
        {
            Fail(source, cause);
        }
        finally
        {
            lock (_gate) _evaluations.Remove(step);
        }
    }

    private static void Fail<T>(TaskCompletionSource<T> source, Exception cause)
    {
        source.TrySetException(cause);
        _ = source.Task.Exception; // observed here: not every caller awaits every step
    }

    private sealed class OpenStep(int units, long started)
    {
        public int MissingUnits { get; set; } = units;

        public long Started { get; } = started;

        public TaskCompletionSource<StepReport> Report { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}

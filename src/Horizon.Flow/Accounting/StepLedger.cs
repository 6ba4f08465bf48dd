using System.Diagnostics;
using Horizon.Flow.Messages;
using Horizon.Flow.Program;
using Horizon.Flow.Units;

namespace Horizon.Flow.Accounting;

/// <summary>Keeps the books of the steps under way: what has come for each, and what is missing for it to be finished.</summary>
public sealed class StepLedger
{
    private readonly ModelDefinition _model;
    private readonly Func<long> _deviceBytes;
    private readonly TimeProvider _time;
    private readonly Lock _gate = new();
    private readonly Dictionary<StepInfo, StepBook> _steps = [];
    private readonly Dictionary<StepInfo, PassBook> _passes = [];
    private long _lastEnd;
    private long _devicePeak;
    private long _skippedSteps;

    internal StepLedger(ModelDefinition model, Func<long> deviceBytes, TimeProvider time)
    {
        (_model, _deviceBytes, _time) = (model, deviceBytes, time);
        _lastEnd = time.GetTimestamp();
    }

    /// <summary>Takes what comes to the end of the line.</summary>
    /// <param name="message"><see cref="UnitUpdated"/>, <see cref="StepLosses"/> of a pass, <see cref="HostResult"/>, or <see cref="CollectedGradient"/>.</param>
    /// <exception cref="InvalidOperationException">The message is of another kind, came twice, or belongs to no step under way.</exception>
    public void Take(StepMessage message)
    {
        ArgumentNullException.ThrowIfNull(message);
        StepBook? finished;
        lock (_gate)
        {
            switch (message)
            {
                case UnitUpdated updated when _steps.TryGetValue(updated.Info, out var step):
                    if (!step.Units.TryAdd(updated.Visit.Unit, updated)) throw new InvalidOperationException($"the update of {updated.Visit} came twice");
                    break;
                case StepLosses losses when _passes.TryGetValue(losses.Info, out var pass):
                    pass.Losses = losses;
                    break;
                case HostResult result when _passes.TryGetValue(result.Info, out var pass):
                    pass.Results.Add(result);
                    break;
                case CollectedGradient gradient when _passes.TryGetValue(gradient.Info, out var pass):
                    if (!pass.Gradients.TryAdd(gradient.Visit.Unit, gradient)) throw new InvalidOperationException($"the gradient of {gradient.Visit} came twice");
                    break;
                case HostResult result when _steps.TryGetValue(result.Info, out var step):
                    step.Results.Add(result);
                    break;
                default:
                    throw new InvalidOperationException($"{message} belongs to no step under way");
            }

            if (_steps.TryGetValue(message.Info, out finished) && finished.IsComplete(message.Info)) _steps.Remove(message.Info);
            else finished = null;
            if (_passes.TryGetValue(message.Info, out var open) && open.IsComplete(message.Info)) Finish(message.Info, open);
        }

        if (finished is null) return;
        var report = Report(message.Info, finished);
        Telemetry.Ended(report, _time.GetElapsedTime(finished.Started), finished.Parent);
        finished.Report.TrySetResult(report);
    }

    internal RunTelemetry Telemetry { get; } = new();

    internal long SkippedSteps => Interlocked.Read(ref _skippedSteps);

    internal bool IsUnderWay
    {
        get
        {
            lock (_gate) return _steps.Count + _passes.Count > 0;
        }
    }

    /// <summary>What is missing, in words: for the report of a graph that stands still.</summary>
    internal string Missing
    {
        get
        {
            lock (_gate)
            {
                var steps = _steps.Select(pair => $"step {pair.Key.Number} waits for {string.Join(", ", pair.Key.Program.TrainedUnits.Where(unit => !pair.Value.Units.ContainsKey(unit)).Take(3).Select(unit => $"'{_model.Units[unit].Name}'"))}");
                return string.Join("; ", [.. steps, .. _passes.Keys.Select(info => $"a pass ({info.Purpose}) after step {info.Number} waits for its end")]);
            }
        }
    }

    internal Task<StepReport> Open(StepInfo step)
    {
        var open = new StepBook(_time.GetTimestamp(), Activity.Current?.Context ?? default);
        lock (_gate) _steps.Add(step, open);
        return open.Report.Task;
    }

    internal Task<PassResult> OpenPass(StepInfo step)
    {
        var open = new PassBook();
        lock (_gate) _passes.Add(step, open);
        return open.Result.Task;
    }

    internal void FailAll(Func<Exception> failure)
    {
        lock (_gate)
        {
            foreach (var (info, step) in _steps)
            {
                var cause = failure();
                Telemetry.Failed(info.Number, cause, _time.GetElapsedTime(step.Started), step.Parent);
                Fail(step.Report, cause);
            }

            foreach (var pass in _passes.Values) Fail(pass.Result, failure());
            _steps.Clear();
            _passes.Clear();
        }
    }

    private void Finish(StepInfo info, PassBook pass)
    {
        _passes.Remove(info);
        pass.Result.TrySetResult(new PassResult(info, pass.Losses, [.. pass.Results.OrderBy(result => result.Visit.Planned.Index)])
        {
            Gradients = [.. pass.Gradients.Values.OrderBy(gradient => gradient.Visit.Unit)],
        });
    }

    private StepReport Report(StepInfo info, StepBook step)
    {
        var now = _time.GetTimestamp();
        var start = Math.Max(step.Started, _lastEnd);
        _lastEnd = now;
        // In the order of the units, so always the same.
        var updates = step.Units.OrderBy(pair => pair.Key).Select(pair => pair.Value).ToList();
        var norm = Math.Sqrt(updates.Sum(updated => updated.SumOfSquares ?? 0));
        var skip = updates.Select(updated => updated.Verdict.SkipReason).FirstOrDefault(reason => reason is not null);
        _devicePeak = Math.Max(_devicePeak, _deviceBytes());
        if (skip is not null) Interlocked.Increment(ref _skippedSteps);
        return new StepReport(
            info.Number, updates[0].Verdict.Losses.Mean, norm, info.LearningRate, info.Tokens, _time.GetElapsedTime(start, now),
            _devicePeak, Environment.WorkingSet, skip is not null)
        { SkipReason = skip, Results = [.. step.Results.OrderBy(result => result.Visit.Planned.Index)] };
    }

    private static void Fail<T>(TaskCompletionSource<T> source, Exception cause)
    {
        source.TrySetException(cause);
        _ = source.Task.Exception; // observed here: not every caller awaits every step
    }

    private sealed class StepBook(long started, ActivityContext parent)
    {
        public long Started => started;

        public ActivityContext Parent => parent;

        public Dictionary<int, UnitUpdated> Units { get; } = [];

        public List<HostResult> Results { get; } = [];

        public TaskCompletionSource<StepReport> Report { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public bool IsComplete(StepInfo info) => Units.Count == info.Program.TrainedUnits.Length && Results.Count == info.Program.Results;
    }

    private sealed class PassBook
    {
        public StepLosses? Losses { get; set; }

        public List<HostResult> Results { get; } = [];

        public Dictionary<int, CollectedGradient> Gradients { get; } = [];

        public TaskCompletionSource<PassResult> Result { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public bool IsComplete(StepInfo info) => (info.Program.Losses == 0 || Losses is not null) && Results.Count == info.Program.Results
            && (info.Purpose != StepPurpose.Gradients || Gradients.Count == info.Program.TrainedUnits.Length);
    }
}

using System.Collections.Concurrent;
using System.Diagnostics;
using System.Diagnostics.Metrics;
using Horizon.Flow.Accounting;
using Horizon.Flow.Devices;
using Horizon.Flow.Messages;
using Horizon.Flow.Graph;
using Horizon.Flow.Telemetry;
using Horizon.Flow.Tests.Training;

namespace Horizon.Flow.Tests.Telemetry;

/// <summary>Other tests train meanwhile: a run is told from theirs by its number, which its activities, children of the test's own, carry.</summary>
public sealed class TrainingTelemetryTests : IDisposable
{
    private readonly ConcurrentQueue<(string Instrument, double Value, Dictionary<string, object?> Tags)> _measured = [];
    private readonly ConcurrentQueue<Activity> _activities = [];
    private readonly MeterListener _meters = new();
    private readonly ActivityListener _listener;

    public TrainingTelemetryTests()
    {
        _meters.InstrumentPublished = (instrument, self) =>
        {
            if (instrument.Meter.Name == TrainingTelemetry.Name) self.EnableMeasurementEvents(instrument);
        };
        _meters.SetMeasurementEventCallback<double>((instrument, value, tags, _) => _measured.Enqueue((instrument.Name, value, new(tags.ToArray()))));
        _meters.SetMeasurementEventCallback<long>((instrument, value, tags, _) => _measured.Enqueue((instrument.Name, value, new(tags.ToArray()))));
        _meters.Start();
        _listener = new ActivityListener
        {
            ShouldListenTo = source => source.Name == TrainingTelemetry.Name,
            Sample = (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllDataAndRecorded,
            ActivityStopped = _activities.Enqueue,
        };
        ActivitySource.AddActivityListener(_listener);
    }

    public void Dispose()
    {
        _meters.Dispose();
        _listener.Dispose();
    }

    [Fact]
    public async Task Train_Listened_TellsWhatTheReportsAndSharesSay()
    {
        var plan = SmallRun.Plan();
        using var store = SmallRun.NewStore(plan);
        using var device = new CpuDevice();
        using var parent = new Activity("test").Start();
        var reports = new List<StepReport>();
        IReadOnlyDictionary<string, StageShares> shares;
        await using (var run = plan.Start(store, device))
        {
            await foreach (var report in run.StepsAsync(SmallRun.Case.Batches())) reports.Add(report);
            _meters.RecordObservableInstruments();
            shares = run.Shares;
        }

        var steps = Mine(parent);
        Assert.Equal(reports.Select(report => (object)report.Step), steps.Select(step => step.GetTagItem("step")));
        Assert.Equal(reports.Select(report => (object)report.Loss), steps.Select(step => step.GetTagItem("loss")));
        Assert.All(steps, step => Assert.Equal(TrainingTelemetry.Step, step.OperationName));
        var number = steps[0].GetTagItem("run");
        Assert.Equal(reports.Select(report => report.Loss), Of(TrainingTelemetry.Loss, number).Select(one => one.Value));
        Assert.Equal(reports.Select(report => (double)report.Tokens), Of(TrainingTelemetry.Tokens, number).Select(one => one.Value));
        Assert.Equal(reports.Select(report => report.Elapsed.TotalSeconds), Of(TrainingTelemetry.StepDuration, number).Select(one => one.Value));
        Assert.Empty(Of(TrainingTelemetry.SkippedSteps, number));
        var stages = Of(TrainingTelemetry.StageTime, number);
        Assert.Equal(
            shares.Keys.SelectMany(stage => new[] { "busy", "waiting", "no_input", "blocked" }.Select(state => $"{stage} {state}")).Order(StringComparer.Ordinal),
            stages.Select(one => $"{one.Tags["stage"]} {one.Tags["state"]}").Order(StringComparer.Ordinal));
        Assert.True(stages.Single(one => (string?)one.Tags["stage"] == "forward" && (string?)one.Tags["state"] == "busy").Value > 0);

        _measured.Clear();
        _meters.RecordObservableInstruments();
        Assert.Empty(Of(TrainingTelemetry.StageTime, number)); // the run has ended
    }

    [Fact]
    public async Task Train_AStageFails_ItsStepsActivityIsAnError()
    {
        var plan = SmallRun.Plan().At(Stages.Accumulate).InsertAfter("fails", (_, stage) => new StageBlock<HostGradient, HostGradient>(stage, (HostGradient _) => throw new InvalidOperationException("no such luck")));
        using var store = SmallRun.NewStore(plan);
        using var device = new CpuDevice();
        using var parent = new Activity("test").Start();
        await using (var run = plan.Start(store, device))
            await Assert.ThrowsAsync<StageException>(async () => await (await run.BeginStepAsync(SmallRun.Batch())).Report);
        var step = Assert.Single(Mine(parent));
        Assert.Equal(ActivityStatusCode.Error, step.Status);
        Assert.Contains("no such luck", step.StatusDescription, StringComparison.Ordinal);
    }

    private List<Activity> Mine(Activity parent) => [.. _activities.Where(one => one.ParentSpanId == parent.SpanId)];

    private List<(string Instrument, double Value, Dictionary<string, object?> Tags)> Of(string instrument, object? run) =>
        [.. _measured.Where(one => one.Instrument == instrument && Equals(one.Tags["run"], run))];
}

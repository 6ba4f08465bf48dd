using Horizon.Flow.Accounting;
using Horizon.Flow.Devices;
using Horizon.Flow.Runs.Metrics;
using Horizon.Flow.Tracing;

namespace Horizon.Flow.Runs.Session;

/// <summary>The trace of some steps of a run: watched from the second one on, since the first warms up, and written once they are over.</summary>
internal sealed class SessionTrace
{
    private readonly string _file;
    private readonly StepTrace _steps;
    private bool _written;

    /// <param name="directory">Where <see cref="TraceFile.Name"/> is written.</param>
    /// <param name="count">Steps to trace, at least 1.</param>
    /// <param name="firstStep">The first step of the run.</param>
    /// <param name="lastStep">Its last one.</param>
    /// <param name="device">Where it computes.</param>
    public SessionTrace(string directory, int count, long firstStep, long lastStep, IComputeDevice device)
    {
        _file = Path.Combine(directory, TraceFile.Name);
        var first = Math.Max(firstStep, Math.Min(firstStep + 1, lastStep - count + 1));
        _steps = new StepTrace(first, first + count - 1);
        Device = new TracingDevice(device);
    }

    /// <summary>The run's device, watched.</summary>
    public TracingDevice Device { get; }

    /// <summary>For the graph.</summary>
    public Action<Graph.StageSpan> OnSpan => _steps.OnSpan;

    /// <summary>Writes the file once a step after the traced ones has ended: then no stage has anything of theirs in hand.</summary>
    public void Ended(StepReport report)
    {
        if (report.Step > _steps.LastStep) Write();
    }

    /// <summary>Writes the file if it has not been written; after the run's end.</summary>
    public void Write()
    {
        if (_written) return;
        _written = true;
        Device.StopTracing();
        if (_steps.Spans is { Count: > 0 } spans) ChromeTrace.Write(_file, spans, Device.Spans);
    }
}

using System.Globalization;
using Horizon.Flow.Host.Memory;
using Horizon.Flow.Runs.Session;

namespace Horizon.Flow.Cli;

/// <summary>
/// Says in lines how far what takes long is: once it has taken a second, then every few seconds, also where nothing is heard of it in between; so that what is
/// quick goes by without a word.
/// </summary>
public sealed class PhaseLines : IProgress<PhaseProgress>, IDisposable
{
    private readonly TextWriter _output;
    private readonly TimeProvider _time;
    private readonly TimeSpan _first;
    private readonly TimeSpan _interval;
    private readonly Lock _gate = new();
    private ITimer? _timer;
    private PhaseProgress? _phase;
    private long _began;
    private TimeSpan _due;

    /// <param name="output">Where the lines go.</param>
    /// <param name="time">The clock.</param>
    /// <param name="first">How long something may take without a word.</param>
    /// <param name="interval">The time between two lines about one thing.</param>
    public PhaseLines(TextWriter output, TimeProvider time, TimeSpan first, TimeSpan interval) => (_output, _time, _first, _interval) = (output, time, first, interval);

    /// <summary>Lines by the machine's clock after one second and then every five, as long as it is not disposed.</summary>
    public static PhaseLines To(TextWriter output)
    {
        var second = TimeSpan.FromSeconds(1);
        var lines = new PhaseLines(output, TimeProvider.System, second, 5 * second);
        lines._timer = TimeProvider.System.CreateTimer(_ => lines.Look(), null, second, second);
        return lines;
    }

    /// <inheritdoc/>
    public void Report(PhaseProgress value)
    {
        ArgumentNullException.ThrowIfNull(value);
        lock (_gate)
        {
            if (_phase?.Doing != value.Doing) (_began, _due) = (_time.GetTimestamp(), _first);
            _phase = value;
            SayIfDue();
        }
    }

    /// <summary>Says where the phase stands if it is time; nothing before the first.</summary>
    public void Look()
    {
        lock (_gate) SayIfDue();
    }

    /// <summary>Nothing more is done that takes long.</summary>
    public void End()
    {
        lock (_gate) _phase = null;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _timer?.Dispose();
        End();
    }

    private void SayIfDue()
    {
        if (_phase is null || _time.GetElapsedTime(_began) is var elapsed && elapsed < _due) return;
        _due = elapsed + _interval;
        _output.WriteLine(Describe(_phase, elapsed));
        _output.Flush();
    }

    private static string Describe(PhaseProgress phase, TimeSpan elapsed)
    {
        var far = phase.TotalBytes > 0 ? $": {new ByteSize(phase.DoneBytes)} of {new ByteSize(phase.TotalBytes)}" : $", {ProgressText.Duration(elapsed)} so far";
        var detail = phase.Detail.Length > 0 ? $", {phase.Detail}" : "";
        var rate = phase.DoneBytes > 0 && elapsed > TimeSpan.Zero ? string.Create(CultureInfo.InvariantCulture, $", {phase.DoneBytes / elapsed.TotalSeconds / 1e9:0.00} GB/s") : "";
        var left = phase.DoneBytes > 0 && phase.DoneBytes < phase.TotalBytes ? $", {ProgressText.Left(elapsed * ((double)(phase.TotalBytes - phase.DoneBytes) / phase.DoneBytes))}" : "";
        return $"{phase.Doing}{far}{detail}{rate}{left}";
    }
}

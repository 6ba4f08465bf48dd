namespace Horizon.Flow.Tracing;

/// <summary>One piece of work on one stream, in <see cref="System.Diagnostics.Stopwatch"/> ticks.</summary>
public sealed class DeviceSpan
{
    internal DeviceSpan(string stream, long launched, long bytes) => (Stream, Launched, Bytes) = (stream, launched, bytes);

    /// <summary><c>compute</c>, <c>upload</c> or <c>download</c>.</summary>
    public string Stream { get; }

    /// <summary>When the host launched it.</summary>
    public long Launched { get; }

    /// <summary>Bytes copied; 0 for computation.</summary>
    public long Bytes { get; }

    /// <summary>When the device began it.</summary>
    public long Start { get; private set; }

    /// <summary>When the device ended it.</summary>
    public long End { get; internal set; }

    /// <summary>Whether <see cref="Start"/> and <see cref="End"/> are by the device's own events; else they are as the host saw them.</summary>
    public bool IsMeasured { get; internal set; }

    /// <summary>How long the stream was idle before it, for want of data from another stream.</summary>
    public long WaitedForData { get; private set; }

    /// <summary>How long the stream was idle before it because the host had not launched it.</summary>
    public long WaitedForHost { get; private set; }

    internal TaskCompletionSource<DeviceSpan> Done { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Works the start out.</summary>
    /// <param name="previous">The end of the work before on the stream; 0 for none.</param>
    /// <param name="data">The end of what it waited for.</param>
    /// <param name="measured">The start by the device's own clock; null where it must be inferred.</param>
    internal void Settle(long previous, long data, long? measured)
    {
        Start = measured ?? Math.Min(End, Math.Max(previous, Math.Max(Launched, data)));
        if (previous == 0) return;
        WaitedForHost = Math.Max(0, Math.Min(Launched, End) - previous);
        WaitedForData = Math.Max(0, Start - Math.Max(previous, Math.Min(Launched, End)));
    }
}

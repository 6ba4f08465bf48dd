namespace Horizon.Flow.Devices;

/// <summary>
/// A point in the device's work: complete when everything before it is done. Devices order streams by it; the host may wait for it
/// without holding a thread.
/// </summary>
public abstract class Fence
{
    /// <summary>A fence with nothing before it.</summary>
    public static Fence Completed { get; } = new CompletedFence();

    /// <summary>Whether everything before it is done.</summary>
    public abstract bool IsComplete { get; }

    /// <summary>
    /// When the device did the work that the fence was made for (a copy; an instant where it was only recorded). Null until it is complete, and on
    /// devices that were not opened for timing.
    /// </summary>
    public virtual DeviceTiming? Timing => null;

    /// <summary>Ends when everything before it is done.</summary>
    /// <param name="cancellationToken">Ends the wait, not the work.</param>
    /// <exception cref="DeviceException">The work before it failed.</exception>
    public abstract ValueTask WaitAsync(CancellationToken cancellationToken = default);

    /// <summary>Holds the thread until everything before it is over, done or failed. For the end of a run alone.</summary>
    internal void WaitForEnd()
    {
        try
        {
            WaitAsync().AsTask().GetAwaiter().GetResult();
        }
        catch (DeviceException)
        {
            // The work is over, and whoever needed its result heard why.
        }
    }

    private sealed class CompletedFence : Fence
    {
        public override bool IsComplete => true;

        public override ValueTask WaitAsync(CancellationToken cancellationToken = default) => ValueTask.CompletedTask;
    }
}

namespace Horizon.Flow.Devices;

/// <summary>A stream of a device beside its computation. What is put into it runs in order.</summary>
public interface IDeviceStream : IDisposable
{
    /// <summary>Puts work into the stream and a fence behind it. Called on the lane.</summary>
    /// <param name="after">The work starts when all of these are complete.</param>
    /// <param name="work">Launches it on the stream of that handle: a CUstream, or 0 where the device has none and the work is to be done at once.</param>
    /// <returns>Complete when the work is done.</returns>
    Fence Enqueue(IReadOnlyList<Fence> after, Action<nint> work);
}

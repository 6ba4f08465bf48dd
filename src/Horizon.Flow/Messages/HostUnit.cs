using Horizon.Flow.Host.Memory;

namespace Horizon.Flow.Messages;

/// <summary>A unit's weights in host memory, ready to go up.</summary>
public sealed class HostUnit : UnitMessage
{
    /// <summary>Creates the message.</summary>
    /// <param name="visit">The visit.</param>
    /// <param name="weights">[ElementCount] in the store's weight type.</param>
    /// <param name="byteLength">Bytes to upload; all by default.</param>
    /// <param name="release">Given back once the device has read the buffer; null for the store's own, which stays.</param>
    public HostUnit(UnitVisit visit, HostBuffer weights, IDisposable? release = null, long? byteLength = null)
        : base(visit)
    {
        Weights = weights;
        Release = release;
        ByteLength = byteLength ?? (weights ?? throw new ArgumentNullException(nameof(weights))).ByteLength;
    }

    /// <summary>[ElementCount] in the store's weight type.</summary>
    public HostBuffer Weights { get; }

    /// <summary>Bytes to upload, from the beginning of the buffer.</summary>
    public long ByteLength { get; }

    /// <summary>Given back once the device has read the buffer.</summary>
    public IDisposable? Release { get; }
}

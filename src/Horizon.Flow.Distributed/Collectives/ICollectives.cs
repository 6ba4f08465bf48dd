using Horizon.Flow.Devices;

namespace Horizon.Flow.Distributed;

/// <summary>
/// What ranks do together, seen from one of them. Every rank calls the collectives over devices in one order, and the exchanges of a line in one order; lines are
/// independent of each other. Sums are taken in a fixed order, so that the same ranks get the same bits.
/// </summary>
public interface ICollectives : IDisposable
{
    /// <summary>This rank, from 0.</summary>
    int Rank { get; }

    /// <summary>How many ranks there are.</summary>
    int Count { get; }

    /// <summary>Makes a whole of everybody's parts of a stretch, on every rank.</summary>
    /// <param name="slice">This rank's slice, in which its part lies at <see cref="SharedStretch.Places"/>.</param>
    /// <param name="whole">The unit's flat buffer, of the same type.</param>
    /// <param name="stretch">Which part is whose; the same on every rank. What follows the stretch in the whole may be overwritten, as far as a whole last part would reach.</param>
    /// <param name="stream">A CUstream to launch on; 0 to do it at once.</param>
    /// <exception cref="HorizonException">The ranks were aborted, or one has gone.</exception>
    void AllGather(DeviceBuffer slice, DeviceBuffer whole, SharedStretch stretch, nint stream);

    /// <summary>Adds everybody's wholes and gives each rank its part of the sum.</summary>
    /// <param name="whole">This rank's summand.</param>
    /// <param name="slice">Where its part of the sum goes, to <see cref="SharedStretch.Places"/>; of the same type.</param>
    /// <param name="stretch">Which part is whose.</param>
    /// <param name="stream">A CUstream to launch on; 0 to do it at once.</param>
    /// <exception cref="HorizonException">The ranks were aborted, or one has gone.</exception>
    void ReduceScatter(DeviceBuffer whole, DeviceBuffer slice, SharedStretch stretch, nint stream);

    /// <summary>Tells every rank what each brings, from host to host.</summary>
    /// <param name="line">What it is about; exchanges of one line follow each other, different lines may overtake.</param>
    /// <param name="own">This rank's bytes, not changed afterwards.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <returns>[Count]: the bytes of each rank, by rank.</returns>
    /// <exception cref="HorizonException">The ranks were aborted, or one has gone.</exception>
    Task<byte[][]> ExchangeAsync(string line, byte[] own, CancellationToken cancellationToken = default);

    /// <summary>Ends the ranks together: whatever any of them waits for throws. The first reason stands.</summary>
    /// <param name="why">In words, without the rank.</param>
    void Abort(string why);
}

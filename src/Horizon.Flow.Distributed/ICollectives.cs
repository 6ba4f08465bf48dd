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

    /// <summary>Makes a whole of everybody's slices: rank r's becomes elements r x <paramref name="elements"/> and the following, on every rank.</summary>
    /// <param name="slice">[at least elements], this rank's.</param>
    /// <param name="whole">[at least Count x elements], of the same type.</param>
    /// <param name="elements">Of a slice.</param>
    /// <param name="stream">A CUstream to launch on; 0 to do it at once.</param>
    /// <exception cref="HorizonException">The ranks were aborted, or one has gone.</exception>
    void AllGather(DeviceBuffer slice, DeviceBuffer whole, long elements, nint stream);

    /// <summary>Adds everybody's wholes and gives each rank its slice of the sum.</summary>
    /// <param name="whole">[at least Count x elements], this rank's summand.</param>
    /// <param name="slice">[at least elements], of the same type.</param>
    /// <param name="elements">Of a slice.</param>
    /// <param name="stream">A CUstream to launch on; 0 to do it at once.</param>
    /// <exception cref="HorizonException">The ranks were aborted, or one has gone.</exception>
    void ReduceScatter(DeviceBuffer whole, DeviceBuffer slice, long elements, nint stream);

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

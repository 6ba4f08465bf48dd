using Horizon.Flow.Devices;
using Horizon.Flow.Host.Memory;

namespace Horizon.Flow.Distributed;

/// <summary>
/// Collectives over buffers in host memory that MPI moves between processes; numbers of the host go over the meeting. Sums are taken here, in fp32, in the order of the ranks, and rounded
/// once, so that they have the bits of <see cref="HostCollectives"/>. When a rank goes, whoever waits for it throws: nothing is waited for inside MPI.
/// </summary>
public sealed unsafe class MpiCollectives : ICollectives
{
    // Sums go through in pieces that stay in a cache.
    private const int Piece = 1 << 16;

    private readonly IMeeting _meeting;
    private readonly MpiLibrary _mpi;
    private readonly Lock _gate = new();
    private HostBuffer? _parts;

    private MpiCollectives(IMeeting meeting, MpiLibrary mpi) => (_meeting, _mpi) = (meeting, mpi);

    /// <inheritdoc/>
    public int Rank => _meeting.Rank;

    /// <inheritdoc/>
    public int Count => _meeting.Count;

    /// <summary>Makes this process one of MPI's ranks. Every rank calls it, in a process of its own that mpirun has started, once in its life.</summary>
    /// <param name="meeting">Where the ranks meet; belongs to the collectives from now on, unless this throws.</param>
    /// <exception cref="HorizonException">There is no MPI, or it knows other ranks.</exception>
    public static MpiCollectives Create(IMeeting meeting)
    {
        ArgumentNullException.ThrowIfNull(meeting);
        var mpi = MpiLibrary.Load();
        mpi.Start();
        if (mpi.Place() is var (rank, count) && (rank, count) != (meeting.Rank, meeting.Count))
            throw new HorizonException($"{mpi.Name} knows this process as rank {rank} of {count}, where it is rank {meeting.Rank} of {meeting.Count}; start the ranks with the mpirun of that library (mpirun -n {meeting.Count} horizon train …), or set pipeline.collectives: auto");
        return new MpiCollectives(meeting, mpi);
    }

    /// <inheritdoc/>
    public void AllGather(DeviceBuffer slice, DeviceBuffer whole, SharedStretch stretch, nint stream)
    {
        ArgumentNullException.ThrowIfNull(stretch);
        stretch.Require(Rank, Count, slice, whole);
        var (type, counts, firsts) = (TypeOf(slice), Narrow(stretch.Counts), Narrow(stretch.Firsts));
        lock (_gate)
        {
            fixed (int* count = counts, first = firsts) Wait(_mpi.AllGather(At(slice, stretch.Places[Rank]), counts[Rank], whole.Address, count, first, type));
        }
    }

    /// <inheritdoc/>
    public void ReduceScatter(DeviceBuffer whole, DeviceBuffer slice, SharedStretch stretch, nint stream)
    {
        ArgumentNullException.ThrowIfNull(stretch);
        stretch.Require(Rank, Count, slice, whole);
        var own = stretch.Counts[Rank];
        var size = slice.ElementType.ByteSize();
        var (type, sentCounts, sentFirsts) = (TypeOf(slice), Narrow(stretch.Counts), Narrow(stretch.Firsts));
        var (counts, firsts) = (Narrow([.. stretch.Counts.Select(_ => own)]), Narrow([.. Enumerable.Range(0, Count).Select(rank => rank * own)]));
        lock (_gate)
        {
            if (_parts is null || _parts.ByteLength < Count * own * size)
            {
                _parts?.Dispose();
                _parts = new HostBuffer(Count * own * size);
            }

            fixed (int* sentCount = sentCounts, sentFirst = sentFirsts, count = counts, first = firsts)
                Wait(_mpi.AllToAll(whole.Address, sentCount, sentFirst, _parts.Address, count, first, type));
            for (long at = 0; at < own; at += Piece)
            {
                var (begin, elements) = (at, (int)Math.Min(Piece, own - at));
                HostSums.Add(slice.ElementType, Count, rank => _parts.Span<byte>(((rank * own) + begin) * size, elements * size), new Span<byte>((void*)At(slice, stretch.Places[Rank] + begin), elements * size));
            }
        }
    }

    /// <inheritdoc/>
    public Task<byte[][]> ExchangeAsync(string line, byte[] own, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(own);
        return _meeting.MeetAsync(line, [own], cancellationToken);
    }

    /// <inheritdoc/>
    public void Abort(string why) => _meeting.Abort(why);

    /// <summary>Ends MPI, where all ranks have come to their end; else the process ends without it, and mpirun ends the others.</summary>
    public void Dispose()
    {
        lock (_gate)
        {
            if (_meeting.Why is null) _mpi.End();
            _parts?.Dispose();
            _parts = null;
        }

        _meeting.Dispose();
    }

    private static nint At(DeviceBuffer buffer, long element) => buffer.Address + (nint)(element * buffer.ElementType.ByteSize());

    private static int[] Narrow(IReadOnlyList<long> counts) => [.. counts.Select(count => count <= int.MaxValue ? (int)count
        : throw new HorizonException($"a unit has {count:N0} elements up to some rank's part, and MPI counts to {int.MaxValue:N0}; set pipeline.collectives: auto"))];

    private nint TypeOf(DeviceBuffer buffer) => buffer.ElementType switch
    {
        ElementType.Float32 => _mpi.Float,
        ElementType.BFloat16 => _mpi.UInt16,
        var other => throw new ArgumentException($"weights and gradients are bf16 or fp32, not {other}", nameof(buffer)),
    };

    private void Wait(nint request)
    {
        var spin = new SpinWait();
        while (!_mpi.HasEnded(ref request))
        {
            if (_meeting.Why is { } why) throw new HorizonException(why);
            spin.SpinOnce(sleep1Threshold: -1); // the other ranks may need this core
        }
    }
}

using System.Diagnostics;
using Horizon.Flow.Devices;
using Horizon.Flow.Host.Memory;

namespace Horizon.Flow.Distributed;

/// <summary>
/// NCCL's collectives over the devices of several processes, launched on the stream that the caller names; numbers of the host go over the meeting. Sums of bf16 are NCCL's: for the same
/// ranks and library the same bits. When a rank goes, the communicator is aborted, so that no kernel waits for it.
/// </summary>
public sealed class NcclCollectives : ICollectives
{
    private static readonly TimeSpan _watch = TimeSpan.FromMilliseconds(250);

    private static readonly TimeSpan _finish = TimeSpan.FromSeconds(5);

    private readonly IMeeting _meeting;
    private readonly Lock _gate = new();
    private readonly CancellationTokenRegistration _ended;
    private readonly Timer _watcher;
    private nint _communicator;

    private NcclCollectives(IMeeting meeting, nint communicator)
    {
        (_meeting, _communicator) = (meeting, communicator);
        _ended = meeting.Ended.Register(() => _ = Task.Run(AbortCommunicator)); // it may wait for the device
        _watcher = new Timer(_ => Watch(), null, _watch, _watch);
    }

    /// <inheritdoc/>
    public int Rank => _meeting.Rank;

    /// <inheritdoc/>
    public int Count => _meeting.Count;

    /// <summary>Makes the ranks' communicator. Every rank calls it, with a device of its own.</summary>
    /// <param name="meeting">Where the ranks meet; belongs to the collectives from now on, unless this throws.</param>
    /// <param name="device">A GPU.</param>
    /// <exception cref="HorizonException">There is no NCCL, it fails, or a rank has gone.</exception>
    public static async Task<NcclCollectives> CreateAsync(IMeeting meeting, IComputeDevice device)
    {
        ArgumentNullException.ThrowIfNull(meeting);
        ArgumentNullException.ThrowIfNull(device);
        try
        {
            byte[] own = [];
            if (meeting.Rank == 0)
            {
                Check(Nccl.ncclGetUniqueId(out var made), 0, "ncclGetUniqueId");
                own = made.ToArray();
            }

            var id = NcclUniqueId.Of((await meeting.MeetAsync("nccl id", [own]).ConfigureAwait(false))[0]);
            // On the lane, where the device is the current one.
            var communicator = await device.Lane.RunAsync(() => Create(meeting, id)).ConfigureAwait(false);
            return new NcclCollectives(meeting, communicator);
        }
        catch (Exception error) when (error is DllNotFoundException or EntryPointNotFoundException)
        {
            meeting.Abort(error.Message);
            throw new HorizonException($"several GPUs need NCCL 2.14 or later: {error.Message}", error);
        }
    }

    /// <summary>The library's version, such as 2.28.9.</summary>
    /// <exception cref="DllNotFoundException">There is none.</exception>
    public static Version Version
    {
        get
        {
            Check(Nccl.ncclGetVersion(out var code), 0, "ncclGetVersion");
            return new Version(code / 10_000, code % 10_000 / 100, code % 100);
        }
    }

    /// <inheritdoc/>
    public void AllGather(DeviceBuffer slice, DeviceBuffer whole, SharedStretch stretch, nint stream)
    {
        ArgumentNullException.ThrowIfNull(stretch);
        stretch.Require(Rank, Count, slice, whole);
        var own = At(slice, stretch.Places[Rank]);
        if (stretch.IsEvenIn(slice, whole))
            Launch("ncclAllGather", communicator => Nccl.ncclAllGather(own, At(whole, stretch.First), (nuint)stretch.Largest, TypeOf(slice), communicator, stream));
        else Launch("ncclBroadcast", communicator => Each(stretch, (rank, count) => Nccl.ncclBroadcast(own, At(whole, stretch.Firsts[rank]), count, TypeOf(slice), rank, communicator, stream)));
    }

    /// <inheritdoc/>
    public void ReduceScatter(DeviceBuffer whole, DeviceBuffer slice, SharedStretch stretch, nint stream)
    {
        ArgumentNullException.ThrowIfNull(stretch);
        stretch.Require(Rank, Count, slice, whole);
        var own = At(slice, stretch.Places[Rank]);
        if (stretch.IsEvenIn(slice, whole))
            Launch("ncclReduceScatter", communicator => Nccl.ncclReduceScatter(At(whole, stretch.First), own, (nuint)stretch.Largest, TypeOf(slice), Nccl.Sum, communicator, stream));
        else Launch("ncclReduce", communicator => Each(stretch, (rank, count) => Nccl.ncclReduce(At(whole, stretch.Firsts[rank]), own, count, TypeOf(slice), Nccl.Sum, rank, communicator, stream)));
    }

    /// <inheritdoc/>
    public Task<byte[][]> ExchangeAsync(string line, byte[] own, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(own);
        return _meeting.MeetAsync(line, [own], cancellationToken);
    }

    /// <inheritdoc/>
    public void Abort(string why) => _meeting.Abort(why);

    /// <summary>Ends the communicator, after what was launched, or at once where the ranks were aborted; says goodbye.</summary>
    public void Dispose()
    {
        _watcher.Dispose();
        _ended.Dispose();
        lock (_gate)
        {
            if (_communicator != 0 && _meeting.Why is null)
            {
                Finish();
            }
        }

        AbortCommunicator();
        _meeting.Dispose();
    }

    private static nint Create(IMeeting meeting, NcclUniqueId id)
    {
        var result = Nccl.ncclCommInitRankConfig(out var communicator, meeting.Count, id, meeting.Rank, NcclConfig.NonBlocking);
        if (result == Nccl.InProgress || (result == Nccl.Success && communicator != 0)) result = Settle(meeting, communicator);
        if (result == Nccl.Success) return communicator;
        var why = $"ncclCommInitRankConfig: {Nccl.Describe(result, communicator)}";
        if (communicator != 0) _ = Nccl.ncclCommAbort(communicator);
        meeting.Abort(why);
        throw new HorizonException(meeting.Why ?? why);
    }

    // A call that returned before its work was done must be followed to its end before what comes behind it is launched.
    private static int Settle(IMeeting meeting, nint communicator, TimeSpan? patience = null)
    {
        var start = Stopwatch.GetTimestamp();
        var spin = new SpinWait();
        while (true)
        {
            var asked = Nccl.ncclCommGetAsyncError(communicator, out var result);
            if (asked != Nccl.Success) return asked;
            if (result != Nccl.InProgress) return result;
            if (meeting.Why is { } why) throw new HorizonException(why);
            if (Stopwatch.GetElapsedTime(start) > patience) return result;
            spin.SpinOnce(sleep1Threshold: -1); // a launch takes less than the millisecond that a sleep would
        }
    }

    private static void Check(int result, nint communicator, string call)
    {
        if (result != Nccl.Success) throw new HorizonException($"{call}: {Nccl.Describe(result, communicator)}");
    }

    private static int TypeOf(DeviceBuffer buffer) => buffer.ElementType switch
    {
        ElementType.Float32 => Nccl.Float32,
        ElementType.BFloat16 => Nccl.BFloat16,
        var other => throw new ArgumentException($"weights and gradients are bf16 or fp32, not {other}", nameof(buffer)),
    };

    // Parts of different sizes: each rank is the root of its own, all of them at once.
    private static int Each(SharedStretch stretch, Func<int, nuint, int> call)
    {
        var result = Nccl.ncclGroupStart();
        for (var rank = 0; rank < stretch.Counts.Count && result is Nccl.Success or Nccl.InProgress; rank++)
            if (stretch.Counts[rank] > 0) result = call(rank, (nuint)stretch.Counts[rank]);
        var ended = Nccl.ncclGroupEnd();
        return result is Nccl.Success or Nccl.InProgress ? ended : result;
    }

    private static nint At(DeviceBuffer buffer, long element) => buffer.Address + (nint)(element * buffer.ElementType.ByteSize());

    private void Launch(string call, Func<nint, int> launch)
    {
        lock (_gate)
        {
            if (_communicator == 0 || _meeting.Why is not null) throw new HorizonException(_meeting.Why ?? "the communicator was closed");
            var result = launch(_communicator);
            if (result == Nccl.InProgress) result = Settle(_meeting, _communicator);
            Check(result, _communicator, call);
        }
    }

    private void Watch()
    {
        if (!_gate.TryEnter()) return; // whoever is inside hears of an error
        string? why = null;
        try
        {
            if (_communicator == 0 || Nccl.ncclCommGetAsyncError(_communicator, out var result) != Nccl.Success) return;
            if (result is not (Nccl.Success or Nccl.InProgress)) why = $"NCCL failed: {Nccl.Describe(result, _communicator)}";
        }
        finally
        {
            _gate.Exit();
        }

        if (why is not null) _meeting.Abort(why);
    }

    // A rank that does not come to the end of the communicator leaves it to be aborted.
    private void Finish()
    {
        try
        {
            if (Nccl.ncclCommFinalize(_communicator) is not (Nccl.Success or Nccl.InProgress) || Settle(_meeting, _communicator, _finish) != Nccl.Success) return;
        }
        catch (HorizonException)
        {
            return; // the ranks were ended meanwhile
        }

        _ = Nccl.ncclCommDestroy(_communicator);
        _communicator = 0;
    }

    private void AbortCommunicator()
    {
        lock (_gate)
        {
            if (_communicator == 0) return;
            _ = Nccl.ncclCommAbort(_communicator);
            _communicator = 0;
        }
    }
}

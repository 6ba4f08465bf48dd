using System.Diagnostics;
using System.Net;
using System.Net.Sockets;

namespace Horizon.Flow.Distributed;

/// <summary>Ranks of several processes, on one machine or many: rank 0 listens at an address that all know. A rank that dies, or whose cable is cut, ends all within the silence.</summary>
public sealed class TcpMeeting : IMeeting
{
    private static readonly TimeSpan _retry = TimeSpan.FromMilliseconds(100);

    private readonly MeetingWaits _waits = new();
    private readonly MeetingConnection _connection;
    private readonly MeetingServer? _server;
    private readonly TimeSpan _silence;
    private readonly TaskCompletionSource _welcome = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _disposed;

    private TcpMeeting(int rank, int count, MeetingConnection connection, MeetingServer? server, TimeSpan silence)
    {
        (Rank, Count, _connection, _server, _silence) = (rank, count, connection, server, silence);
        connection.Send(new MeetingFrame(MeetingFrameKind.Hello, "", rank, BitConverter.GetBytes(count)));
        _ = ReceiveAsync();
    }

    /// <inheritdoc/>
    public int Rank { get; }

    /// <inheritdoc/>
    public int Count { get; }

    /// <inheritdoc/>
    public CancellationToken Ended => _waits.Ended;

    /// <inheritdoc/>
    public string? Why => _waits.Why;

    /// <summary>Meets the other ranks: rank 0 listens, the others come, and all are there when this ends.</summary>
    /// <param name="place">Who this is, and where rank 0 is.</param>
    /// <param name="patience">How long to wait for all ranks to come; two minutes by default.</param>
    /// <param name="silence">After how long without a sign of life a rank is taken for gone; 15 seconds by default.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <exception cref="HorizonException">A rank did not come, or the ranks disagree.</exception>
    public static async Task<TcpMeeting> JoinAsync(RankPlace place, TimeSpan? patience = null, TimeSpan? silence = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(place);
        var (wait, quiet) = (patience ?? TimeSpan.FromMinutes(2), silence ?? TimeSpan.FromSeconds(15));
        var start = Stopwatch.GetTimestamp();
        var server = place.Rank == 0 ? Listen(place, quiet) : null;
        TcpMeeting? meeting = null;
        try
        {
            meeting = new TcpMeeting(place.Rank, place.Count, await ConnectAsync(place, wait, quiet, cancellationToken).ConfigureAwait(false), server, quiet);
            var left = wait - Stopwatch.GetElapsedTime(start);
            await meeting._welcome.Task.WaitAsync(left > TimeSpan.Zero ? left : TimeSpan.Zero, cancellationToken).ConfigureAwait(false);
            return meeting;
        }
        catch (TimeoutException)
        {
            meeting?._connection.Dispose();
            server?.Dispose();
            throw new HorizonException(FormattableString.Invariant(
                $"rank {place.Rank} waited {wait.TotalSeconds:0} s at {place.Address}:{place.Port} and not all of the {place.Count} ranks came; start them all, with one WORLD_SIZE and one MASTER_ADDR"));
        }
        catch
        {
            meeting?._connection.Dispose();
            server?.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public Task<byte[][]> MeetAsync(string line, byte[][] parts, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(line);
        ArgumentNullException.ThrowIfNull(parts);
        var (number, home) = _waits.Next(line);
        _connection.Send(new MeetingFrame(MeetingFrameKind.Parts, line, number, parts));
        return home.WaitAsync(cancellationToken);
    }

    /// <inheritdoc/>
    public void Abort(string why)
    {
        _connection.Send(new MeetingFrame(MeetingFrameKind.End, why));
        _waits.End($"rank {Rank} ended the ranks: {why}");
    }

    /// <summary>Says goodbye; rank 0 waits until the others have, for the silence at most.</summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _disposed, 1) == 1) return;
        _connection.Send(new MeetingFrame(MeetingFrameKind.Bye));
        if (_server is not null) Task.WhenAny(_server.Empty, Task.Delay(_silence)).GetAwaiter().GetResult();
        _connection.CloseAsync(_silence).GetAwaiter().GetResult();
        _server?.Dispose();
    }

    private static MeetingServer Listen(RankPlace place, TimeSpan silence)
    {
        try
        {
            return new MeetingServer(IPAddress.IPv6Any, place.Port, place.Count, silence);
        }
        catch (SocketException error) when (error.SocketErrorCode is SocketError.AddressFamilyNotSupported or SocketError.AddressNotAvailable)
        {
            return ListenOn(IPAddress.Any, place, silence);
        }
        catch (SocketException error)
        {
            throw Refused(place, error);
        }
    }

    private static MeetingServer ListenOn(IPAddress address, RankPlace place, TimeSpan silence)
    {
        try
        {
            return new MeetingServer(address, place.Port, place.Count, silence);
        }
        catch (SocketException error)
        {
            throw Refused(place, error);
        }
    }

    private static HorizonException Refused(RankPlace place, SocketException error) =>
        new($"rank 0 cannot listen on port {place.Port}: {error.Message}; set MASTER_PORT to a free one", error);

    private static async Task<MeetingConnection> ConnectAsync(RankPlace place, TimeSpan patience, TimeSpan silence, CancellationToken cancellationToken)
    {
        var start = Stopwatch.GetTimestamp();
        while (true)
        {
            var client = new TcpClient();
            try
            {
                using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
                limit.CancelAfter(silence);
                await client.ConnectAsync(place.Rank == 0 ? "localhost" : place.Address, place.Port, limit.Token).ConfigureAwait(false);
                return new MeetingConnection(client, silence);
            }
            catch (Exception error) when (error is SocketException || (error is OperationCanceledException && !cancellationToken.IsCancellationRequested))
            {
                client.Dispose();
                if (Stopwatch.GetElapsedTime(start) > patience)
                    throw new HorizonException(FormattableString.Invariant($"rank {place.Rank} found no rank 0 at {place.Address}:{place.Port} for {patience.TotalSeconds:0} s ({error.Message}); check MASTER_ADDR, MASTER_PORT and the network between the machines"), error);
                await Task.Delay(_retry, cancellationToken).ConfigureAwait(false);
            }
        }
    }

    private async Task ReceiveAsync()
    {
        try
        {
            while (true)
            {
                var frame = await _connection.ReceiveAsync().ConfigureAwait(false);
                switch (frame.Kind)
                {
                    case MeetingFrameKind.Welcome: _welcome.TrySetResult(); break;
                    case MeetingFrameKind.Parts: _waits.TakeHome(frame.Line, frame.Number, frame.Parts); break;
                    case MeetingFrameKind.End: End(frame.Line); break;
                    default: throw new InvalidDataException("rank 0 said what it does not say");
                }
            }
        }
        catch (Exception error) when (error is IOException or InvalidDataException)
        {
            if (Volatile.Read(ref _disposed) == 0) End($"rank 0 has gone: {error.Message}");
        }
    }

    private void End(string why)
    {
        _waits.End(why);
        _welcome.TrySetException(new HorizonException(why));
        _ = _welcome.Task.Exception; // observed here: nobody waits for it once all have come
    }
}

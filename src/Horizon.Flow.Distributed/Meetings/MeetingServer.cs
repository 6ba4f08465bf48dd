using System.Net;
using System.Net.Sockets;

namespace Horizon.Flow.Distributed;

/// <summary>The server in rank 0, to which every rank has a connection: it hands out what the ranks bring, and ends all when one goes.</summary>
internal sealed class MeetingServer : IDisposable
{
    private readonly TcpListener _listener;
    private readonly MeetingTable _table;
    private readonly MeetingConnection?[] _ranks;
    private readonly TimeSpan _silence;
    private readonly Lock _gate = new();
    private readonly TaskCompletionSource _empty = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly CancellationTokenSource _closed = new();
    private readonly HashSet<int> _left = [];
    private string? _why;

    public MeetingServer(IPAddress address, int port, int count, TimeSpan silence)
    {
        (_table, _ranks, _silence) = (new MeetingTable(count), new MeetingConnection?[count], silence);
        _listener = new TcpListener(address, port);
        if (address.AddressFamily == AddressFamily.InterNetworkV6) _listener.Server.DualMode = true;
        _listener.Start();
        _ = AcceptAsync();
    }

    public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    /// <summary>Ends when every rank has said goodbye or has gone.</summary>
    public Task Empty => _empty.Task;

    public void Dispose()
    {
        _closed.Cancel();
        _listener.Dispose();
        lock (_gate)
        {
            foreach (var rank in _ranks) rank?.Dispose();
        }
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
            {
                var client = await _listener.AcceptTcpClientAsync(_closed.Token).ConfigureAwait(false);
                _ = ServeAsync(new MeetingConnection(client, _silence));
            }
        }
        catch (Exception error) when (error is OperationCanceledException or SocketException or ObjectDisposedException)
        {
            // Closed.
        }
    }

    private async Task ServeAsync(MeetingConnection connection)
    {
        int? rank = null;
        try
        {
            var hello = await connection.ReceiveAsync().ConfigureAwait(false);
            if (Refusal(hello) is { } refusal)
            {
                connection.Send(new MeetingFrame(MeetingFrameKind.End, refusal));
                await connection.CloseAsync(_silence).ConfigureAwait(false);
                return;
            }

            rank = (int)hello.Number;
            if (!Seat(rank.Value, connection))
            {
                connection.Send(new MeetingFrame(MeetingFrameKind.End, $"rank {rank} is there twice; give every process a rank of its own"));
                await connection.CloseAsync(_silence).ConfigureAwait(false);
                return;
            }

            while (await connection.ReceiveAsync().ConfigureAwait(false) is { Kind: not MeetingFrameKind.Bye } frame) Take(rank.Value, frame);
            Leave(rank.Value, $"rank {rank} has ended its run");
        }
        catch (Exception error) when (error is IOException or InvalidDataException)
        {
            connection.Dispose();
            if (rank is { } gone) Leave(gone, $"rank {gone} has gone: {error.Message}", always: true);
        }
        catch (Exception error)
        {
            End($"the server of the ranks failed: {error.Message}");
        }
    }

    private string? Refusal(MeetingFrame hello)
    {
        if (hello.Kind != MeetingFrameKind.Hello || hello.Parts.Length != 1 || hello.Parts[0].Length != sizeof(int)) return "no rank speaks here; is another program using the port?";
        var count = BitConverter.ToInt32(hello.Parts[0]);
        if (count != _ranks.Length) return $"rank {hello.Number} counts {count} ranks, rank 0 counts {_ranks.Length}; give all the same WORLD_SIZE";
        return hello.Number < 0 || hello.Number >= count ? $"there is no rank {hello.Number} of {count}; ranks go from 0 to {count - 1}" : null;
    }

    private bool Seat(int rank, MeetingConnection connection)
    {
        lock (_gate)
        {
            if (_ranks[rank] is not null) return false;
            _ranks[rank] = connection;
            if (_why is not null) connection.Send(new MeetingFrame(MeetingFrameKind.End, _why));
            else if (_ranks.All(one => one is not null))
                foreach (var one in _ranks) one!.Send(new MeetingFrame(MeetingFrameKind.Welcome));
            return true;
        }
    }

    private void Take(int rank, MeetingFrame frame)
    {
        if (frame.Kind == MeetingFrameKind.End)
        {
            End($"rank {rank} ended the ranks: {frame.Line}");
            return;
        }

        if (frame.Kind != MeetingFrameKind.Parts) throw new InvalidDataException($"rank {rank} said what a rank does not say");
        if (_table.Bring(rank, frame.Line, frame.Number, frame.Parts) is { } brought)
        {
            for (var one = 0; one < _ranks.Length; one++) _ranks[one]!.Send(new MeetingFrame(MeetingFrameKind.Parts, frame.Line, frame.Number, MeetingTable.For(one, brought)));
            return;
        }

        lock (_gate)
        {
            if (_left.Count > 0 && _table.WaitsFor(_left.First()) is { } line) End($"rank {_left.First()} has ended its run, and rank {rank} waits for it ('{line}')");
        }
    }

    private void Leave(int rank, string why, bool always = false)
    {
        lock (_gate)
        {
            _left.Add(rank);
            if (always || _table.WaitsFor(rank) is not null) End(why);
            if (_left.Count == _ranks.Length) _empty.TrySetResult();
        }
    }

    private void End(string why)
    {
        lock (_gate)
        {
            if (_why is not null) return;
            _why = why;
            foreach (var rank in _ranks) rank?.Send(new MeetingFrame(MeetingFrameKind.End, why));
        }
    }
}

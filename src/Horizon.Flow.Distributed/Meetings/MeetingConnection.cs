using System.Net.Sockets;
using System.Threading.Channels;

namespace Horizon.Flow.Distributed;

/// <summary>
/// One connection between a rank and the server. Frames go out in order; the sender says from time to time that it lives, and a receiver that hears nothing for
/// the whole silence takes it for gone.
/// </summary>
internal sealed class MeetingConnection : IDisposable
{
    private readonly TcpClient _client;
    private readonly NetworkStream _stream;
    private readonly TimeSpan _silence;
    private readonly Channel<MeetingFrame> _out = Channel.CreateUnbounded<MeetingFrame>(new UnboundedChannelOptions { SingleReader = true });
    private readonly CancellationTokenSource _closed = new();
    private readonly Task _writing;

    public MeetingConnection(TcpClient client, TimeSpan silence)
    {
        (_client, _silence) = (client, silence);
        client.NoDelay = true;
        _stream = client.GetStream();
        _writing = WriteAllAsync();
    }

    public void Send(MeetingFrame frame) => _out.Writer.TryWrite(frame);

    /// <exception cref="IOException">The other side has gone, or was silent too long.</exception>
    public async Task<MeetingFrame> ReceiveAsync()
    {
        while (true)
        {
            using var patience = CancellationTokenSource.CreateLinkedTokenSource(_closed.Token);
            patience.CancelAfter(_silence);
            try
            {
                var frame = await MeetingFrame.ReadAsync(_stream, patience.Token).ConfigureAwait(false);
                if (frame.Kind != MeetingFrameKind.Alive) return frame;
            }
            catch (OperationCanceledException) when (!_closed.IsCancellationRequested)
            {
                throw new IOException(FormattableString.Invariant($"nothing came for {_silence.TotalSeconds:0.#} s"));
            }
            catch (Exception error) when (error is OperationCanceledException or ObjectDisposedException or EndOfStreamException or SocketException)
            {
                throw new IOException("the connection was closed", error);
            }
        }
    }

    /// <summary>Sends what is still to be sent, for so long at most, and closes.</summary>
    public async Task CloseAsync(TimeSpan patience)
    {
        _out.Writer.TryComplete();
        await Task.WhenAny(_writing, Task.Delay(patience)).ConfigureAwait(false);
        Dispose();
    }

    public void Dispose()
    {
        _out.Writer.TryComplete();
        if (!_closed.IsCancellationRequested) _closed.Cancel();
        _client.Dispose();
    }

    private async Task WriteAllAsync()
    {
        try
        {
            while (true)
            {
                var ready = _out.Reader.WaitToReadAsync(_closed.Token).AsTask();
                while (!ready.IsCompleted)
                {
                    // Alive as long as frames are written and the process is: a lane that computes for minutes is no reason to give a rank up.
                    if (await Task.WhenAny(ready, Task.Delay(_silence / 4, _closed.Token)).ConfigureAwait(false) == ready) break;
                    _closed.Token.ThrowIfCancellationRequested();
                    await new MeetingFrame(MeetingFrameKind.Alive).WriteAsync(_stream, _closed.Token).ConfigureAwait(false);
                }

                if (!await ready.ConfigureAwait(false)) return;
                while (_out.Reader.TryRead(out var frame)) await frame.WriteAsync(_stream, _closed.Token).ConfigureAwait(false);
            }
        }
        catch (Exception error) when (error is OperationCanceledException or IOException or SocketException or ObjectDisposedException)
        {
            // Whoever receives on this connection hears of its end.
            _out.Writer.TryComplete();
        }
    }
}

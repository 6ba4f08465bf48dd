using System.Diagnostics;
using Horizon.Flow.Devices;
using Horizon.Flow.Host.Memory;
using Horizon.Flow.Host.Workers;

namespace Horizon.Flow.Bench;

/// <summary>
/// Copies from page-locked host memory to a device and back, both ways at once and without a pause, until disposed: what else uses the
/// host's memory while a model trains.
/// </summary>
internal sealed class CopyTraffic : IAsyncDisposable
{
    private const long PieceBytes = 256L * 1024 * 1024;

    private readonly IComputeDevice _device;
    private readonly HostBuffer[] _hosts;
    private readonly DeviceBuffer[] _theres;
    private readonly CancellationTokenSource _stop = new();
    private readonly long _start;
    private readonly Task _up;
    private readonly Task _down;
    private long _upPieces;
    private long _downPieces;

    public CopyTraffic(string device, HostWorkers workers)
    {
        _device = ComputeDevice.Parse(device, Console.Error.WriteLine);
        _hosts = [.. Enumerable.Range(0, 4).Select(_ => new HostBuffer(PieceBytes))];
        _theres = [.. Enumerable.Range(0, 2).Select(_ => _device.Allocate(PieceBytes, ElementType.UInt8))];
        foreach (var host in _hosts)
        {
            host.Touch(workers);
            _device.PageLock(host);
        }

        _start = Stopwatch.GetTimestamp();
        _up = Task.Run(() => CopyAsync((piece, after) => _device.Upload(_hosts[piece], PieceBytes, _theres[0], after), () => _upPieces++));
        _down = Task.Run(() => CopyAsync((piece, after) => _device.Download(_theres[1], PieceBytes, _hosts[2 + piece], after), () => _downPieces++));
    }

    /// <summary>Bytes a second each way since the start.</summary>
    public string Rates
    {
        get
        {
            var seconds = Stopwatch.GetElapsedTime(_start).TotalSeconds;
            return FormattableString.Invariant($"copies: {_upPieces * PieceBytes / seconds / 1e9:0.0} GB/s up, {_downPieces * PieceBytes / seconds / 1e9:0.0} GB/s down");
        }
    }

    /// <summary>Stops, and gives everything back.</summary>
    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync().ConfigureAwait(false);
        await Task.WhenAll(_up, _down).ConfigureAwait(false);
        foreach (var host in _hosts)
        {
            _device.Unlock(host);
            host.Dispose();
        }

        foreach (var there in _theres) there.Dispose();
        _device.Dispose();
        _stop.Dispose();
    }

    /// <summary>Keeps two pieces in flight.</summary>
    private async Task CopyAsync(Func<int, Fence, Fence> copy, Action count)
    {
        var inFlight = copy(0, Fence.Completed);
        for (var piece = 1; !_stop.IsCancellationRequested; piece = 1 - piece)
        {
            var following = copy(piece, inFlight);
            await inFlight.WaitAsync().ConfigureAwait(false);
            count();
            inFlight = following;
        }

        await inFlight.WaitAsync().ConfigureAwait(false);
    }
}

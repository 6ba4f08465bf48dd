using Horizon.Flow.Devices;

namespace Horizon.Flow.Bench;

/// <summary>Asks a device again and again how much of its memory is free: what another process has taken at the most.</summary>
internal sealed class PlanWatch : IAsyncDisposable
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(20);

    private readonly IComputeDevice _device;
    private readonly CancellationTokenSource _over = new();
    private readonly Task _watching;
    private readonly long _before;
    private long _least;

    /// <summary>Begins: what is taken from now on counts.</summary>
    public PlanWatch(IComputeDevice device)
    {
        _device = device;
        _least = _before = Free;
        _watching = WatchAsync();
    }

    /// <summary>Bytes that were taken at the most; 0 of a device that computes in host memory.</summary>
    public long Taken => _before - Interlocked.Read(ref _least);

    private long Free => _device.FreeMemoryBytes ?? 0;

    public async ValueTask DisposeAsync()
    {
        await _over.CancelAsync().ConfigureAwait(false);
        await _watching.ConfigureAwait(false);
        _over.Dispose();
    }

    private async Task WatchAsync()
    {
        using var timer = new PeriodicTimer(Pause);
        while (!_over.IsCancellationRequested)
        {
            try
            {
                await timer.WaitForNextTickAsync(_over.Token).ConfigureAwait(false);
            }
            catch (OperationCanceledException)
            {
                return;
            }

            Interlocked.Exchange(ref _least, Math.Min(_least, Free));
        }
    }
}

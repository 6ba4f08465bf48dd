using System.Diagnostics;
using System.Globalization;
using System.Numerics;
using System.Runtime.InteropServices;
using Horizon.Flow.Devices;
using Horizon.Flow.Host.Memory;
using Horizon.Flow.Host.Workers;
using Horizon.Flow.Runs.Session;
using Horizon.Flow.Units;
using static TorchSharp.torch;

namespace Horizon.Flow.Runs.Planning;

/// <summary>Measures what a step's time depends on: products, the link to the device, host memory and the disk. Takes some seconds.</summary>
public static class MachineProbe
{
    private const int Rounds = 3;

    /// <summary>Measures a machine.</summary>
    /// <param name="device">Where it computes.</param>
    /// <param name="folder">Where a file is written to try the disk, and deleted; made if there is none.</param>
    /// <param name="progress">Is told what is measured.</param>
    /// <exception cref="HorizonException">The file cannot be written.</exception>
    public static async Task<MachineRates> MeasureAsync(IComputeDevice device, string folder, IProgress<PhaseProgress>? progress = null)
    {
        ArgumentNullException.ThrowIfNull(device);
        var gpu = device.MemoryBytes is not null;
        progress?.Report(new PhaseProgress("measuring matrix products"));
        var products = await ProductsAsync(device, gpu ? (8192, 8192, ScalarType.BFloat16, 20) : (1024, 1024, ScalarType.Float32, 4)).ConfigureAwait(false);
        var single = gpu ? await ProductsAsync(device, (8192, 1024, ScalarType.Float32, 20)).ConfigureAwait(false) : products;
        progress?.Report(new PhaseProgress("measuring the link to the device"));
        var (up, down) = await LinkAsync(device, gpu).ConfigureAwait(false);
        progress?.Report(new PhaseProgress("measuring host memory"));
        var memory = HostMemory();
        var onDevice = gpu ? await DeviceMemoryAsync(device).ConfigureAwait(false) : memory;
        progress?.Report(new PhaseProgress("measuring the disk"));
        var disk = Disk(folder);
        return new(device.Name, products, up, down, memory, onDevice, disk, string.Create(CultureInfo.InvariantCulture, $"{MachineRates.Measured} on {TimeProvider.System.GetUtcNow():yyyy-MM-dd}")) { SingleOperations = single, Processors = Environment.ProcessorCount };
    }

    // A product reads its sides from memory that was just written, as a layer does.
    private static async Task<double> ProductsAsync(IComputeDevice device, (long Rows, long Width, ScalarType Type, int Count) some)
    {
        var (rows, width, type, count) = some;
        return await device.Lane.RunAsync(() =>
        {
            using var scope = NewDisposeScope();
            using var noGrad = no_grad();
            // Zeros would multiply faster than real numbers do.
            var (one, other) = (randn(rows, width, dtype: type, device: device.TorchDevice), randn(width, width, dtype: type, device: device.TorchDevice));
            var best = double.MaxValue;
            for (var round = 0; round <= Rounds; round++)
            {
                var start = Stopwatch.GetTimestamp();
                for (var i = 0; i < count; i++)
                {
                    using var product = one.matmul(other);
                    if (i == count - 1) product[0, 0].cpu(); // waits for the device
                }

                if (round > 0) best = Math.Min(best, Stopwatch.GetElapsedTime(start).TotalSeconds); // the first one warms up
            }

            return 2.0 * rows * width * width * count / best;
        }).ConfigureAwait(false);
    }

    private static async Task<(double Up, double Down)> LinkAsync(IComputeDevice device, bool gpu)
    {
        var bytes = gpu ? 512L << 20 : 64L << 20;
        using var host = new HostBuffer(bytes);
        device.PageLock(host);
        using var above = device.Allocate(bytes, ElementType.UInt8);
        async Task<double> RateAsync(Func<Fence> copy)
        {
            var best = double.MaxValue;
            for (var round = 0; round <= Rounds; round++)
            {
                var start = Stopwatch.GetTimestamp();
                await copy().WaitAsync().ConfigureAwait(false);
                if (round > 0) best = Math.Min(best, Stopwatch.GetElapsedTime(start).TotalSeconds);
            }

            return bytes / best;
        }

        var up = await RateAsync(() => device.Upload(host, bytes, above, Fence.Completed)).ConfigureAwait(false);
        var down = await RateAsync(() => device.Download(above, bytes, host, Fence.Completed)).ConfigureAwait(false);
        device.Unlock(host);
        return (up, down);
    }

    private static Task<double> DeviceMemoryAsync(IComputeDevice device) => device.Lane.RunAsync(() =>
    {
        const long Count = 256L << 20;
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var numbers = ones(Count, dtype: ScalarType.Float32, device: device.TorchDevice);
        var best = double.MaxValue;
        for (var round = 0; round <= Rounds; round++)
        {
            var start = Stopwatch.GetTimestamp();
            numbers.TimesInPlace(0.999);
            numbers[0].cpu(); // waits for the device
            if (round > 0) best = Math.Min(best, Stopwatch.GetElapsedTime(start).TotalSeconds);
        }

        return 2.0 * Count * sizeof(float) / best;
    });

    // Each number is read and written again, as an optimizer does.
    private static double HostMemory()
    {
        const long Count = 64L << 20;
        using var workers = new HostWorkers();
        using var buffer = new HostBuffer(Count * sizeof(float));
        buffer.Touch(workers);
        var best = double.MaxValue;
        for (var round = 0; round <= Rounds; round++)
        {
            var start = Stopwatch.GetTimestamp();
            workers.Sweep(Count, (_, first, count) => Scale(buffer.Span<float>(first, count)));
            if (round > 0) best = Math.Min(best, Stopwatch.GetElapsedTime(start).TotalSeconds);
        }

        return 2.0 * Count * sizeof(float) / best;
    }

    private static void Scale(Span<float> numbers)
    {
        foreach (ref var some in MemoryMarshal.Cast<float, Vector<float>>(numbers)) some *= 0.999f; // chunks are a multiple of any vector
    }

    private static double Disk(string folder)
    {
        const int Bytes = 256 << 20, Piece = 8 << 20;
        var path = Path.Combine(folder, $"probe-{Guid.NewGuid():N}");
        try
        {
            Directory.CreateDirectory(folder);
            var piece = new byte[Piece];
            Random.Shared.NextBytes(piece); // some disks do not write zeros
            using var file = new FileStream(path, FileMode.CreateNew, FileAccess.Write, FileShare.None, bufferSize: 0, FileOptions.DeleteOnClose);
            var start = Stopwatch.GetTimestamp();
            for (var written = 0; written < Bytes; written += Piece) file.Write(piece);
            file.Flush(flushToDisk: true);
            return Bytes / Stopwatch.GetElapsedTime(start).TotalSeconds;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new HorizonException($"the disk of {folder} cannot be tried: {error.Message.TrimEnd('.')}; set XDG_CACHE_HOME to a folder with 256 MiB to spare", error);
        }
    }
}

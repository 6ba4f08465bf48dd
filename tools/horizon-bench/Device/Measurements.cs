using System.Diagnostics;
using Horizon.Flow.Devices;
using Horizon.Flow.Host.Memory;
using static TorchSharp.torch;

namespace Horizon.Flow.Bench;

/// <summary>Speeds of copies and products, alone and together; the host's part in them.</summary>
internal static class Measurements
{
    public static async Task RunAsync(IComputeDevice device, CheckSize size, Report report)
    {
        using var up = new HostBuffer(size.CopyBytes);
        using var down = new HostBuffer(size.CopyBytes);
        using var ordinary = new HostBuffer(size.CopyBytes);
        var watch = Stopwatch.StartNew();
        device.PageLock(up);
        report.Say($"page-locking {size.CopyBytes:N0} touched bytes: {watch.Elapsed.TotalMilliseconds:F1} ms");
        device.PageLock(down);
        using var above = device.Allocate(size.CopyBytes, ElementType.UInt8);
        using var below = device.Allocate(size.CopyBytes, ElementType.UInt8);
        var work = new Work(device, size, up, ordinary, down, above, below);

        await work.TimeAsync(upload: true, download: true, compute: true); // warm
        var gigabytes = size.CopyBytes * size.Copies / 1e9;
        report.Say($"upload alone {gigabytes / (await work.TimeAsync(upload: true)).Seconds:F1} GB/s");
        report.Say($"download alone {gigabytes / (await work.TimeAsync(download: true)).Seconds:F1} GB/s");
        report.Say($"both at once {gigabytes / (await work.TimeAsync(upload: true, download: true)).Seconds:F1} GB/s each way");
        report.Say($"upload from ordinary memory {gigabytes / (await work.TimeAsync(upload: true, locked: false)).Seconds:F1} GB/s");

        var alone = await work.TimeAsync(compute: true);
        var flops = 2.0 * Math.Pow(size.MatrixWidth, 3) * size.Products;
        report.Say($"{size.Products} products of {size.MatrixWidth} x {size.MatrixWidth}: {alone.Seconds:F3} s, {flops / alone.Seconds / 1e12:F1} TFLOP/s, launched in {alone.LaunchSeconds:F3} s");
        var withUpload = await work.TimeAsync(upload: true, compute: true);
        report.Say($"the same beside an upload of {gigabytes:F1} GB: {withUpload.Seconds:F3} s");
        var withBoth = await work.TimeAsync(upload: true, download: true, compute: true);
        report.Say($"the same beside an upload and a download of {gigabytes:F1} GB each: {withBoth.Seconds:F3} s, launched in {withBoth.LaunchSeconds:F3} s");
        report.Say($"a fence, from its record on the lane to the host's await: median {await LatencyAsync(device):F0} us");
        device.Unlock(up);
        device.Unlock(down);
    }

    private static async Task<double> LatencyAsync(IComputeDevice device)
    {
        var times = new List<double>();
        for (var i = 0; i < 101; i++)
        {
            var start = Stopwatch.GetTimestamp();
            var fence = await device.Lane.RunAsync(device.RecordCompute);
            await fence.WaitAsync();
            times.Add(Stopwatch.GetElapsedTime(start).TotalMicroseconds);
        }

        return times.Order().ElementAt(50);
    }

    private sealed record Work(
        IComputeDevice Device, CheckSize Size, HostBuffer Up, HostBuffer Ordinary, HostBuffer Down, DeviceBuffer Above, DeviceBuffer Below)
    {
        /// <summary>All of it at once: seconds until everything is done, and until the lane had launched the products.</summary>
        public async Task<(double Seconds, double LaunchSeconds)> TimeAsync(bool upload = false, bool download = false, bool compute = false, bool locked = true)
        {
            var start = Stopwatch.GetTimestamp();
            var launched = 0.0;
            var computing = !compute ? Task.FromResult(Fence.Completed) : Device.Lane.RunAsync(() =>
            {
                var type = Device.MemoryBytes is null ? ScalarType.Float32 : ScalarType.BFloat16;
                var matrix = randn(Size.MatrixWidth, Size.MatrixWidth, dtype: type, device: Device.TorchDevice);
                for (var i = 0; i < Size.Products; i++) matrix.matmul(matrix).Dispose();
                launched = Stopwatch.GetElapsedTime(start).TotalSeconds;
                return Device.RecordCompute();
            });
            var copies = new List<Fence>();
            for (var i = 0; i < Size.Copies; i++)
            {
                if (upload) copies.Add(Device.Upload(locked ? Up : Ordinary, Size.CopyBytes, Above, Fence.Completed));
                if (download) copies.Add(Device.Download(Below, Size.CopyBytes, Down, Fence.Completed));
            }

            foreach (var copy in copies) await copy.WaitAsync();
            await (await computing).WaitAsync();
            return (Stopwatch.GetElapsedTime(start).TotalSeconds, launched);
        }
    }
}

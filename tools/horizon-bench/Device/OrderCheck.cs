using Horizon.Flow.Devices;
using Horizon.Flow.Host.Memory;
using Horizon.Flow.Units;
using static TorchSharp.torch;

namespace Horizon.Flow.Bench;

/// <summary>
/// A small copy of training's traffic: two buffers filled in turn with the round's number, read by slow kernels, poisoned with NaN
/// when done with, the result downloaded. Any kernel that reads before its copy is done, and any copy that lands before its reader is
/// done or leaves before its writer is, shows as a wrong number.
/// </summary>
internal static class OrderCheck
{
    public static async Task RunAsync(IComputeDevice device, CheckSize size, Report report)
    {
        var count = size.CopyBytes / 16 / sizeof(float);
        var sources = Hosts(device, count);
        var slabs = Hosts(device, count);
        DeviceBuffer[] weights = [device.Allocate(count, ElementType.Float32), device.Allocate(count, ElementType.Float32)];
        DeviceBuffer[] gradients = [device.Allocate(count, ElementType.Float32), device.Allocate(count, ElementType.Float32)];
        Fence[] weightsFree = [Fence.Completed, Fence.Completed], gradientsFree = [Fence.Completed, Fence.Completed];
        Fence[] sourceFree = [Fence.Completed, Fence.Completed];
        var landed = new Task<int>[2];
        using var slow = randn(size.MatrixWidth / 4, size.MatrixWidth / 4, device: device.TorchDevice);
        var wrong = 0;
        for (var round = 0; round < size.Rounds; round++)
        {
            var (turn, number) = (round % 2, (float)round);
            await sourceFree[turn].WaitAsync();
            if (landed[turn] is { } previous) wrong += await previous;
            Fill(sources[turn], number);
            var uploaded = sourceFree[turn] = device.Upload(sources[turn], sources[turn].ByteLength, weights[turn], weightsFree[turn]);
            var done = weightsFree[turn] = await device.Lane.RunAsync(() =>
            {
                device.ComputeWaits(uploaded);
                device.ComputeWaits(gradientsFree[turn]);
                slow.matmul(slow);
                gradients[turn].Flat.copy_(weights[turn].Flat.Times(2).Plus(1));
                weights[turn].Flat.FillInPlace(float.NaN);
                return device.RecordCompute();
            });
            var down = gradientsFree[turn] = device.Download(gradients[turn], slabs[turn].ByteLength, slabs[turn], done);
            landed[turn] = VerifyAsync(down, slabs[turn], (2 * number) + 1);
        }

        foreach (var task in landed) wrong += await task;
        report.Check($"{size.Rounds} rounds of upload, compute, poison, download in order", wrong == 0, $"{wrong} rounds with wrong numbers");
        foreach (var buffer in weights.Concat(gradients)) buffer.Dispose();
        foreach (var buffer in sources.Concat(slabs))
        {
            device.Unlock(buffer);
            buffer.Dispose();
        }
    }

    private static HostBuffer[] Hosts(IComputeDevice device, long count)
    {
        HostBuffer[] buffers = [new(count * sizeof(float)), new(count * sizeof(float))];
        foreach (var buffer in buffers) device.PageLock(buffer);
        return buffers;
    }

    private static void Fill(HostBuffer buffer, float number) => buffer.Span<float>(0, (int)(buffer.ByteLength / sizeof(float))).Fill(number);

    private static async Task<int> VerifyAsync(Fence landed, HostBuffer slab, float expected)
    {
        await landed.WaitAsync().ConfigureAwait(false);
        return slab.Span<float>(0, (int)(slab.ByteLength / sizeof(float))).IndexOfAnyExcept(expected) < 0 ? 0 : 1;
    }
}

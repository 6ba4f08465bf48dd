using Horizon.Flow.Devices;

namespace Horizon.Flow.Bench;

/// <summary>How much a check moves and computes: enough to measure on a GPU, little on a CPU.</summary>
/// <param name="CopyBytes">One copied piece.</param>
/// <param name="Copies">Pieces of one measurement.</param>
/// <param name="MatrixWidth">Width of the square matrices that are multiplied.</param>
/// <param name="Products">Products of one measurement.</param>
/// <param name="Rounds">Rounds of the order check.</param>
internal sealed record CheckSize(long CopyBytes, int Copies, int MatrixWidth, int Products, int Rounds)
{
    public static CheckSize For(IComputeDevice device) =>
        device.MemoryBytes is null ? new(16L << 20, 4, 512, 8, 20) : new(512L << 20, 16, 8192, 100, 200);
}

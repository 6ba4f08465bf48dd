using System.Globalization;
using Horizon.Flow.Native;
using static TorchSharp.torch;

namespace Horizon.Flow.Devices;

/// <summary>Opens a device by the name that configurations use.</summary>
public static class ComputeDevice
{
    /// <summary>Opens <c>auto</c> (the first GPU where there is one that libtorch can use, else the CPU), <c>cpu</c>, <c>cuda</c> or <c>cuda:N</c>.</summary>
    /// <param name="name">The name.</param>
    /// <param name="warn">Receives what does not end the run; nobody by default.</param>
    /// <param name="timed">Whether fences of a GPU say when it did its work (<see cref="Fence.Timing"/>).</param>
    /// <param name="deterministic">Whether two runs on a GPU give the same bits; a CPU's always do.</param>
    /// <exception cref="HorizonException">An unknown name, no such device, or no libtorch for it.</exception>
    public static IComputeDevice Parse(string name, Action<string>? warn = null, bool timed = false, bool deterministic = true)
    {
        ArgumentNullException.ThrowIfNull(name);
        return name.Trim() switch
        {
            "auto" => Auto(warn, timed, deterministic),
            "cpu" => new CpuDevice(),
            "cuda" => new CudaDevice(0, warn, timed, deterministic),
            var text when text.StartsWith("cuda:", StringComparison.Ordinal)
                && int.TryParse(text.AsSpan(5), NumberStyles.None, CultureInfo.InvariantCulture, out var ordinal) => new CudaDevice(ordinal, warn, timed, deterministic),
            _ => throw new HorizonException($"device '{name}' is unknown: use auto, cpu, cuda or cuda:N, such as cuda:0."),
        };
    }

    private static IComputeDevice Auto(Action<string>? warn, bool timed, bool deterministic)
    {
        if (CudaDevice.Count == 0) return new CpuDevice();
        var folder = NativeTorch.Load();
        if (cuda.is_available()) return new CudaDevice(0, warn, timed, deterministic);
        warn?.Invoke($"there is a GPU, but libtorch in '{folder}' cannot use it, so the CPU computes. {NativeTorch.Ways}");
        return new CpuDevice();
    }
}

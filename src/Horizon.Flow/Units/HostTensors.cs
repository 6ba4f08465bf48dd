using static TorchSharp.torch;

namespace Horizon.Flow.Units;

/// <summary>Tensors of a micro-batch on their way to the device.</summary>
internal static class HostTensors
{
    /// <summary>The tensor itself on the CPU; else a copy out of page-locked memory, for which the calling thread does not wait.</summary>
    public static Tensor ToDevice(this Tensor onHost, Device device) =>
        device.type == TorchSharp.DeviceType.CPU ? onHost : onHost.pin_memory().to(device, non_blocking: true); // libtorch keeps the page-locked block until the copy is done
}

using System.Runtime.InteropServices;
using static TorchSharp.torch;

namespace Horizon.Flow.Devices;

/// <summary>One argument of a kernel: an address, an integer or a float in the first of eight bytes (little-endian).</summary>
[StructLayout(LayoutKind.Sequential, Size = 8)]
internal readonly partial struct KernelArgument
{
    private KernelArgument(long bits) => Bits = bits;

    /// <summary>The eight bytes.</summary>
    public long Bits { get; }

    public static implicit operator KernelArgument(long value) => new(value);

    public static implicit operator KernelArgument(float value) => new(BitConverter.SingleToUInt32Bits(value));

    /// <summary>A tensor's first byte; null for none. The tensor must live until the launch.</summary>
    public static implicit operator KernelArgument(Tensor? tensor) => new(tensor is null ? 0 : DataPointer(tensor.Handle));

    [LibraryImport("LibTorchSharp", EntryPoint = "THSTensor_data")]
    private static partial nint DataPointer(nint tensor);
}

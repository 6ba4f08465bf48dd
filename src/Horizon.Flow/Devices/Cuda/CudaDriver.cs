using System.Runtime.InteropServices;

namespace Horizon.Flow.Devices;

/// <summary>
/// The few calls of the CUDA driver API that TorchSharp does not offer: streams, events and page-locked ranges, in the primary context
/// that libtorch uses too. Names, signatures and values as in NVIDIA's cuda.h ("CUDA Driver API" reference).
/// </summary>
internal static unsafe partial class CudaDriver
{
    /// <summary>The stream on which libtorch launches its kernels.</summary>
    public const nint LegacyDefaultStream = 1; // CU_STREAM_LEGACY

    public const int HighestPriority = -100;       // the driver takes the highest that it has
    public const uint NonBlockingStream = 1;    // CU_STREAM_NON_BLOCKING: no implicit order with the default stream
    public const uint BlockingWait = 1;         // CU_EVENT_BLOCKING_SYNC: the host thread sleeps while it waits
    public const uint NoTiming = 2;             // CU_EVENT_DISABLE_TIMING
    public const int AlreadyRegistered = 712;   // CUDA_ERROR_HOST_MEMORY_ALREADY_REGISTERED
    public const uint PortableRegistration = 1; // CU_MEMHOSTREGISTER_PORTABLE: page-locked for every device of the process

    public const int MultiprocessorCount = 16;  // CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT
    public const int ComputeCapabilityMajor = 75;
    public const int ComputeCapabilityMinor = 76;

    public const int LargestSharedMemory = 97;  // CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN
    public const int DynamicSharedMemory = 8;   // CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES
    public const int SharedShare = 9;           // CU_FUNC_ATTRIBUTE_PREFERRED_SHARED_MEMORY_CARVEOUT, in percent

    private const string Library = "libcuda.so.1";

    /// <summary>Throws what a call's result says, with the driver's words and what to do.</summary>
    public static void Check(int result, string call)
    {
        if (result != 0) throw new DeviceException($"{call} failed: {Describe(result)}.{Advice(result)}");
    }

    /// <summary>An error's name and text.</summary>
    public static string Describe(int result)
    {
        var known = cuGetErrorName(result, out var name) == 0;
        _ = cuGetErrorString(result, out var text);
        return known ? $"{Marshal.PtrToStringUTF8((nint)name)} ({Marshal.PtrToStringUTF8((nint)text)})" : $"CUDA error {result}";
    }

    [LibraryImport(Library)]
    public static partial int cuInit(uint flags);

    [LibraryImport(Library)]
    public static partial int cuDeviceGetCount(out int count);

    [LibraryImport(Library)]
    public static partial int cuDeviceGet(out int device, int ordinal);

    [LibraryImport(Library)]
    public static partial int cuDeviceGetName(byte* name, int length, int device);

    [LibraryImport(Library)]
    public static partial int cuDeviceGetPCIBusId(byte* address, int length, int device);

    [LibraryImport(Library)]
    public static partial int cuDeviceTotalMem_v2(out nuint bytes, int device);

    [LibraryImport(Library)]
    public static partial int cuDevicePrimaryCtxRetain(out nint context, int device);

    [LibraryImport(Library)]
    public static partial int cuDevicePrimaryCtxRelease_v2(int device);

    [LibraryImport(Library)]
    public static partial int cuCtxSetCurrent(nint context);

    [LibraryImport(Library)]
    public static partial int cuCtxPushCurrent_v2(nint context);

    [LibraryImport(Library)]
    public static partial int cuCtxPopCurrent_v2(out nint context);

    [LibraryImport(Library)]
    public static partial int cuCtxSynchronize();

    [LibraryImport(Library)]
    public static partial int cuMemGetInfo_v2(out nuint free, out nuint total);

    [LibraryImport(Library)]
    public static partial int cuDeviceGetAttribute(out int value, int attribute, int device);

    [LibraryImport(Library)]
    public static partial int cuEventElapsedTime(out float milliseconds, nint start, nint end);

    [LibraryImport(Library)]
    public static partial int cuModuleLoadData(out nint module, byte* image);

    [LibraryImport(Library)]
    public static partial int cuModuleUnload(nint module);

    [LibraryImport(Library)]
    public static partial int cuFuncSetAttribute(nint function, int attribute, int value);

    [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int cuModuleGetFunction(out nint function, nint module, string name);

    [LibraryImport(Library)]
    public static partial int cuLaunchKernel(
        nint function, uint gridX, uint gridY, uint gridZ, uint blockX, uint blockY, uint blockZ, uint sharedBytes, nint stream, nint* parameters, nint* extra);

    [LibraryImport(Library)]
    public static partial int cuStreamCreateWithPriority(out nint stream, uint flags, int priority);

    [LibraryImport(Library)]
    public static partial int cuStreamDestroy_v2(nint stream);

    [LibraryImport(Library)]
    public static partial int cuStreamSynchronize(nint stream);

    [LibraryImport(Library)]
    public static partial int cuStreamWaitEvent(nint stream, nint @event, uint flags);

    [LibraryImport(Library)]
    public static partial int cuEventCreate(out nint @event, uint flags);

    [LibraryImport(Library)]
    public static partial int cuEventDestroy_v2(nint @event);

    [LibraryImport(Library)]
    public static partial int cuEventRecord(nint @event, nint stream);

    [LibraryImport(Library)]
    public static partial int cuEventSynchronize(nint @event);

    [LibraryImport(Library)]
    public static partial int cuMemcpyHtoDAsync_v2(nint target, nint source, nuint bytes, nint stream);

    [LibraryImport(Library)]
    public static partial int cuMemcpyDtoHAsync_v2(nint target, nint source, nuint bytes, nint stream);

    [LibraryImport(Library)]
    public static partial int cuMemHostRegister_v2(nint address, nuint bytes, uint flags);

    [LibraryImport(Library)]
    public static partial int cuMemHostUnregister(nint address);

    [LibraryImport(Library)]
    private static partial int cuGetErrorName(int result, out byte* name);

    [LibraryImport(Library)]
    private static partial int cuGetErrorString(int result, out byte* text);

    private static string Advice(int result) => result switch
    {
        2 => " Use fewer device buffers, a smaller batch or a shorter sequence.",            // CUDA_ERROR_OUT_OF_MEMORY
        100 or 101 => " nvidia-smi lists the devices there are; device: cpu needs none.",    // NO_DEVICE, INVALID_DEVICE
        803 => " Restart the machine or reinstall the driver: its library and its kernel module differ.", // SYSTEM_DRIVER_MISMATCH
        214 => " The device's memory is damaged: nvidia-smi -q says where. Resume from the last checkpoint on another device.", // ECC_UNCORRECTABLE
        // ILLEGAL_ADDRESS, LAUNCH_TIMEOUT, ASSERT, HARDWARE_STACK_ERROR ..: sticky, the context is lost with all it held.
        >= 700 and <= 720 => " A kernel failed and the device's context is lost: end the process and resume from the last checkpoint; "
            + "CUDA_LAUNCH_BLOCKING=1 shows which kernel.",
        _ => "",
    };
}

using System.Collections.Concurrent;
using Horizon.Flow.Host.Memory;
using Horizon.Flow.Native;
using Horizon.Flow.Units;
using TorchSharp;
using static Horizon.Flow.Devices.CudaDriver;
using static TorchSharp.torch;

namespace Horizon.Flow.Devices;

/// <summary>
/// An NVIDIA GPU: libtorch's kernels on its default stream, uploads and downloads on a stream each beside it, ordered by events. No
/// call waits for the device, except where memory is made, unlocked or freed.
/// </summary>
public sealed class CudaDevice : IComputeDevice
{
    private readonly ConcurrentDictionary<nint, byte> _locked = [];
    private readonly CudaContext _context;
    private readonly CudaClock? _clock;
    private readonly CudaStream _compute;
    private readonly CudaStream _up;
    private readonly CudaStream _down;
    private readonly CudaKernels? _kernels;
    private readonly Action<string>? _warn;
    private int _warned;
    private bool _disposed;

    /// <summary>Opens a device, in libtorch and in the driver.</summary>
    /// <param name="ordinal">From 0, as CUDA_VISIBLE_DEVICES leaves them.</param>
    /// <param name="warn">Receives what does not end the run, such as memory that could not be page-locked; nobody by default.</param>
    /// <param name="timed">Whether fences say when the device did their work (<see cref="Fence.Timing"/>): two events a copy instead of one.</param>
    /// <param name="deterministic">Whether two runs give the same bits (<see cref="IUnitOperators.IsDeterministic"/>); false is faster.</param>
    /// <exception cref="HorizonException">No driver, no such device, or a libtorch without CUDA.</exception>
    public CudaDevice(int ordinal, Action<string>? warn = null, bool timed = false, bool deterministic = true)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(ordinal);
        var folder = NativeTorch.Load();
        var count = CudaContext.DeviceCount();
        if (ordinal >= count)
        {
            throw new HorizonException(
                $"There is no device cuda:{ordinal}: the driver shows {(count == 0 ? "none" : $"cuda:0 to cuda:{count - 1}")}. Choose one of these, or device: cpu.");
        }

        if (!cuda.is_available())
        {
            throw new HorizonException(
                $"libtorch in '{folder}' cannot use the GPU: take one that is built for a CUDA version that this machine's driver supports. {NativeTorch.Ways}");
        }

        _warn = warn;
        ProcessVariables.SetIfUnset("CUBLAS_WORKSPACE_CONFIG", ":4096:8"); // cuBLAS's own default on large GPUs, said aloud: ordered sums ask for it
        _context = new CudaContext(ordinal);
        TorchDevice = new Device(DeviceType.CUDA, ordinal);
        Name = $"cuda:{ordinal} ({_context.Name})";
        _clock = timed ? new CudaClock(_context) : null;
        _compute = new CudaStream(_context, $"compute stream of cuda:{ordinal}", _clock, libtorch: true);
        _up = new CudaStream(_context, $"upload stream of cuda:{ordinal}", _clock);
        _down = new CudaStream(_context, $"download stream of cuda:{ordinal}", _clock);
        Lane = new ComputeLane($"lane of cuda:{ordinal}", _context.Stay);
        _kernels = Compile(folder);
        Operators = _kernels is null ? new EagerOperators { IsDeterministic = deterministic, Fp8 = null } : new CudaOperators(_kernels, TorchDevice, deterministic);
    }

    /// <summary>Where a device is on the machine's bus, such as <c>0000:1b:00.0</c>; nothing is started for it.</summary>
    /// <param name="ordinal">Which device.</param>
    /// <exception cref="DeviceException">The driver has no such device.</exception>
    public static string PciAddressOf(int ordinal) => CudaContext.AddressOf(ordinal);

    /// <summary>The devices that the driver shows; 0 where there is no driver.</summary>
    public static int Count
    {
        get
        {
            try
            {
                return CudaContext.DeviceCount();
            }
            catch (HorizonException)
            {
                return 0;
            }
        }
    }

    /// <inheritdoc/>
    public Device TorchDevice { get; }

    /// <inheritdoc/>
    public string Name { get; }

    /// <inheritdoc/>
    public long? MemoryBytes => _context.MemoryBytes;

    /// <inheritdoc/>
    public long? FreeMemoryBytes
    {
        get
        {
            using var entered = _context.Enter();
            Check(cuMemGetInfo_v2(out var free, out _), "cuMemGetInfo");
            return (long)free;
        }
    }

    /// <inheritdoc/>
    public ComputeLane Lane { get; }

    /// <inheritdoc/>
    public IUnitOperators Operators { get; }

    /// <inheritdoc/>
    public DeviceBuffer Allocate(long elements, ElementType type)
    {
        var buffer = new DeviceBuffer(TorchDevice, elements, type, Synchronize);
        // The block may be one that kernels under way have just let go, and it is being zeroed: copies must come after both.
        Synchronize();
        return buffer;
    }

    /// <inheritdoc/>
    public void PageLock(HostBuffer buffer)
    {
        ArgumentNullException.ThrowIfNull(buffer);
        if (buffer.ByteLength == 0 || !_locked.TryAdd(buffer.Address, 0)) return;
        HostCopy.Touch(buffer.Address, buffer.ByteLength); // the driver would take the pages one by one, on one thread
        using var entered = _context.Enter();
        var result = cuMemHostRegister_v2(buffer.Address, (nuint)buffer.ByteLength, PortableRegistration);
        if (result == 0) return;
        _locked.TryRemove(buffer.Address, out _);
        if (result == AlreadyRegistered) return; // by another device of this process, for all of them
        if (Interlocked.Exchange(ref _warned, 1) == 0)
        {
            _warn?.Invoke(
                $"page-locking {buffer.ByteLength:N0} bytes for {Name} failed: {Describe(result)}. Copies from ordinary memory are several times slower; "
                + "raise the limit (ulimit -l), or leave more host memory free.");
        }
    }

    /// <inheritdoc/>
    public void Unlock(HostBuffer buffer)
    {
        ArgumentNullException.ThrowIfNull(buffer);
        if (!_locked.TryRemove(buffer.Address, out _)) return;
        _up.Synchronize();
        _down.Synchronize();
        using var entered = _context.Enter();
        Check(cuMemHostUnregister(buffer.Address), "cuMemHostUnregister");
    }

    /// <inheritdoc/>
    public Fence Upload(HostBuffer source, long bytes, DeviceBuffer target, Fence after)
    {
        CopyArguments.Check(source, bytes, target, after);
        return _up.Enqueue(after, $"cuMemcpyHtoDAsync of {bytes:N0} bytes to {TorchDevice}", stream =>
            cuMemcpyHtoDAsync_v2(target.Address, source.Address, (nuint)bytes, stream));
    }

    /// <inheritdoc/>
    public Fence Download(DeviceBuffer source, long bytes, HostBuffer target, Fence after)
    {
        CopyArguments.Check(target, bytes, source, after);
        return _down.Enqueue(after, $"cuMemcpyDtoHAsync of {bytes:N0} bytes from {TorchDevice}", stream =>
            cuMemcpyDtoHAsync_v2(target.Address, source.Address, (nuint)bytes, stream));
    }

    /// <inheritdoc/>
    public Fence Download(DeviceBuffer source, IReadOnlyList<GradientRange> ranges, HostBuffer target, Fence after)
    {
        CopyArguments.Check(target, ranges, source, after);
        return _down.Enqueue(after, $"cuMemcpyDtoHAsync of {ranges.Count} ranges from {TorchDevice}", stream =>
        {
            foreach (var range in ranges)
            {
                var (offset, length) = range.Bytes(source.ElementType);
                var result = cuMemcpyDtoHAsync_v2(target.Address + (nint)offset, source.Address + (nint)offset, (nuint)length, stream);
                if (result != 0) return result;
            }

            return 0;
        });
    }

    /// <inheritdoc/>
    public bool SumsSquares => _kernels is not null;

    /// <inheritdoc/>
    public Fence SumSquares(DeviceBuffer source, long elements, SquareParts parts, Fence after)
    {
        ArgumentNullException.ThrowIfNull(source);
        ArgumentNullException.ThrowIfNull(parts);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(elements, source.ElementCount);
        if (_kernels is not { } kernels) throw new NotSupportedException($"{Name} has no kernel for sums of squares");
        var kernel = source.ElementType switch
        {
            ElementType.BFloat16 => "sum_squares_bf16",
            ElementType.Float32 => "sum_squares_fp32",
            var other => throw new ArgumentException($"gradients are bf16 or fp32, not {other}", nameof(source)),
        };
        return _down.Enqueue(after, $"cuLaunchKernel({kernel})", stream =>
            kernels.TryLaunch(stream, kernel, SquareParts.Count, 256, 0, source.Address, elements, parts.OnDevice.Address));
    }

    /// <inheritdoc/>
    public IDeviceStream OpenStream(string name) => new CudaSideStream(new CudaStream(_context, $"{name} of {TorchDevice}", _clock, urgent: true));

    /// <inheritdoc/>
    public Fence RecordCompute() => _compute.RecordFence();

    /// <inheritdoc/>
    public void ComputeWaits(Fence fence)
    {
        ArgumentNullException.ThrowIfNull(fence);
        _compute.WaitFor(fence);
    }

    /// <summary>Waits on the host until the device has nothing left to do. Not for the steady state.</summary>
    /// <exception cref="DeviceException">Something before it failed.</exception>
    public void Synchronize()
    {
        using var entered = _context.Enter();
        Check(cuCtxSynchronize(), "cuCtxSynchronize");
    }

    /// <summary>Ends the lane, the streams and what is still page-locked. Buffers are disposed before.</summary>
    public void Dispose()
    {
        if (_disposed) return;
        _disposed = true;
        Lane.Dispose();
        if (Lane.IsAbandoned) return; // its thread may still use all of this
        _kernels?.Dispose();
        _compute.Dispose();
        _up.Dispose();
        _down.Dispose();
        _clock?.Dispose();
        using (_context.Enter())
        {
            foreach (var address in _locked.Keys) _ = cuMemHostUnregister(address);
        }

        _context.Dispose();
    }

    private CudaKernels? Compile(string folder)
    {
        const string Consequence = "libtorch's own operators are used between the matrix products: the same results, slower.";
        try
        {
            if (Nvrtc.Find(folder) is { } compiler) return new CudaKernels(_context, compiler);
            _warn?.Invoke($"no NVRTC (libnvrtc.so.13 or .12) was found beside libtorch in '{folder}'; {Consequence}");
        }
        catch (DeviceException error)
        {
            _warn?.Invoke($"the kernels for {Name} could not be compiled: {error.Message} {Consequence}");
        }

        return null;
    }
}

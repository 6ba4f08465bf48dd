using static Horizon.Flow.Devices.CudaDriver;

namespace Horizon.Flow.Devices;

/// <summary>The kernels of <c>Kernels/operators.cu</c>, compiled once for a device, launched on libtorch's stream from its lane.</summary>
internal sealed unsafe class CudaKernels : IDisposable
{
    private readonly Dictionary<string, nint> _functions = [];
    private readonly CudaContext _context;
    private readonly nint _module;

    /// <summary>Compiles and loads.</summary>
    /// <exception cref="DeviceException">The compiler or the driver refuses the code.</exception>
    public CudaKernels(CudaContext context, Nvrtc compiler)
    {
        _context = context;
        var code = compiler.Compile(Source(), $"sm_{context.Attribute(ComputeCapabilityMajor)}{context.Attribute(ComputeCapabilityMinor)}");
        Processors = context.Attribute(MultiprocessorCount);
        Generation = context.Attribute(ComputeCapabilityMajor);
        using var entered = context.Enter();
        fixed (byte* image = code) Check(cuModuleLoadData(out _module, image), "cuModuleLoadData");
        foreach (var name in (ReadOnlySpan<string>)
            ["norm_forward", "norm_backward", "norm_weight_gradient", "rotate", "gate_forward", "gate_backward", "cross_entropy",
                "sum_squares_bf16", "sum_squares_fp32"])
        {
            Check(cuModuleGetFunction(out var function, _module, name), $"cuModuleGetFunction({name})");
            _functions.Add(name, function);
        }
    }

    /// <summary>The major number of the device's compute capability.</summary>
    public int Generation { get; }

    /// <summary>Streaming multiprocessors of the device.</summary>
    public int Processors { get; }

    /// <summary>Launches a kernel on libtorch's stream.</summary>
    public void Launch(string name, long blocks, int threads, int sharedBytes, params ReadOnlySpan<KernelArgument> arguments) =>
        Check(TryLaunch(LegacyDefaultStream, name, blocks, threads, sharedBytes, arguments), $"cuLaunchKernel({name})");

    /// <summary>Launches a kernel.</summary>
    /// <param name="stream">Where.</param>
    /// <param name="name">Of the function.</param>
    /// <param name="blocks">At least 1.</param>
    /// <param name="threads">Of a block.</param>
    /// <param name="sharedBytes">Dynamic shared memory of a block.</param>
    /// <param name="arguments">Each in eight bytes, in the kernel's order: the driver reads as many as the parameter has.</param>
    /// <returns>What the driver says.</returns>
    public int TryLaunch(nint stream, string name, long blocks, int threads, int sharedBytes, params ReadOnlySpan<KernelArgument> arguments)
    {
        var places = stackalloc nint[arguments.Length];
        fixed (KernelArgument* first = arguments)
        {
            for (var i = 0; i < arguments.Length; i++) places[i] = (nint)(first + i);
            return cuLaunchKernel(_functions[name], checked((uint)blocks), 1, 1, (uint)threads, 1, 1, (uint)sharedBytes, stream, places, null);
        }
    }

    public void Dispose()
    {
        using var entered = _context.Enter();
        _ = cuModuleUnload(_module);
    }

    private static string Source()
    {
        using var stream = typeof(CudaKernels).Assembly.GetManifestResourceStream("operators.cu")!;
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd();
    }
}

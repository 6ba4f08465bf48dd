using static Horizon.Flow.Devices.CudaDriver;

namespace Horizon.Flow.Devices;

/// <summary>The kernels of <c>Kernels/operators.cu</c>, and where the device has fp8 those of <c>Kernels/fp8.cu</c>, compiled once for a device, launched on libtorch's stream from its lane.</summary>
internal sealed unsafe class CudaKernels : IDisposable
{
    private static readonly string[] Everywhere =
        ["norm_forward", "norm_forward_4", "norm_forward_8", "norm_forward_16", "norm_backward", "norm_weight_gradient", "rotate", "join_heads", "gate_forward", "gate_backward", "cross_entropy", "sum_squares_bf16", "sum_squares_fp32"];

    private static readonly string[] Fp8 =
    [
        "fp8_maximum", "fp8_maxima", "fp8_tensor_e4m3", "fp8_tensor_e5m2", "fp8_row_e4m3", "fp8_row_e5m2", "fp8_block_e4m3", "fp8_block_e5m2", "fp8_square_e4m3",
        "fp8_square_e5m2", "fp8_norm", "fp8_gate_hold", "fp8_gate_maxima_plain", "fp8_gate_e4m3_plain", "fp8_gate_e5m2_plain", "fp8_gate_maxima_as_held",
        "fp8_gate_e4m3_as_held", "fp8_gate_e5m2_as_held", "fp8_gate_maxima_held", "fp8_gate_e4m3_held", "fp8_gate_e5m2_held",
    ];

    private readonly Dictionary<string, nint> _functions = [];
    private readonly CudaContext _context;
    private readonly nint _module;

    /// <summary>Compiles and loads.</summary>
    /// <exception cref="DeviceException">The compiler or the driver refuses the code.</exception>
    public CudaKernels(CudaContext context, Nvrtc compiler)
    {
        _context = context;
        var minor = context.Attribute(ComputeCapabilityMinor);
        Generation = context.Attribute(ComputeCapabilityMajor);
        Processors = context.Attribute(MultiprocessorCount);
        HasFp8 = (Generation, minor).CompareTo((8, 9)) >= 0;
        var code = compiler.Compile(HasFp8 ? Source("operators.cu") + Source("fp8.cu") : Source("operators.cu"), $"sm_{Generation}{minor}");
        using var entered = context.Enter();
        fixed (byte* image = code) Check(cuModuleLoadData(out _module, image), "cuModuleLoadData");
        foreach (var name in (ReadOnlySpan<string>)[.. Everywhere, .. HasFp8 ? Fp8 : []])
        {
            Check(cuModuleGetFunction(out var function, _module, name), $"cuModuleGetFunction({name})");
            _functions.Add(name, function);
        }
    }

    /// <summary>The major number of the device's compute capability.</summary>
    public int Generation { get; }

    /// <summary>Whether its tensor cores multiply fp8: compute capability 8.9 or later.</summary>
    public bool HasFp8 { get; }

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

    private static string Source(string file)
    {
        using var stream = typeof(CudaKernels).Assembly.GetManifestResourceStream(file)!;
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd();
    }
}

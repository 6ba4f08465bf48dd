using static Horizon.Flow.Devices.CudaDriver;

namespace Horizon.Flow.Devices;

/// <summary>
/// The kernels of <c>Kernels/operators.cu</c>, and where the device has fp8 those of <c>Kernels/fp8.cu</c>, compiled once for a device, and those of <c>Kernels/delta.cu</c> when they are
/// asked for, like <c>Kernels/attention.cu</c>; launched on libtorch's stream from its lane.
/// </summary>
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

    private static readonly string[] Delta =
    [
        "delta_convolve", "delta_convolve_backward", "delta_norm", "delta_norm_backward", "delta_chunk", "delta_states", "delta_output", "delta_adjoints", "delta_gradients",
    ];

    private static readonly string[] Attention = ["attention_queries"];

    private readonly Dictionary<string, nint> _functions = [];
    private readonly List<nint> _modules = [];
    private readonly CudaContext _context;
    private readonly Nvrtc _compiler;
    private readonly string _architecture;

    /// <summary>Compiles and loads.</summary>
    /// <exception cref="DeviceException">The compiler or the driver refuses the code.</exception>
    public CudaKernels(CudaContext context, Nvrtc compiler)
    {
        (_context, _compiler) = (context, compiler);
        var minor = context.Attribute(ComputeCapabilityMinor);
        Generation = context.Attribute(ComputeCapabilityMajor);
        Processors = context.Attribute(MultiprocessorCount);
        LargestSharedBytes = context.Attribute(LargestSharedMemory);
        HasFp8 = (Generation, minor).CompareTo((8, 9)) >= 0;
        _architecture = $"sm_{Generation}{minor}";
        if (HasFp8) Load([.. Everywhere, .. Fp8], _architecture, "operators.cu", "fp8.cu");
        else Load(Everywhere, _architecture, "operators.cu");
    }

    /// <summary>The major number of the device's compute capability.</summary>
    public int Generation { get; }

    /// <summary>Whether its tensor cores multiply fp8: compute capability 8.9 or later.</summary>
    public bool HasFp8 { get; }

    /// <summary>Streaming multiprocessors of the device.</summary>
    public int Processors { get; }

    /// <summary>The most dynamic shared memory that a block may have.</summary>
    public int LargestSharedBytes { get; }

    /// <summary>Compiles the kernels of linear attention, the first time; on the lane.</summary>
    /// <exception cref="DeviceException">The compiler or the driver refuses the code.</exception>
    public void LoadDelta()
    {
        if (_functions.ContainsKey(Delta[0])) return;
        Load(Delta, _architecture, "operators.cu", "matrices.cu", "delta.cu");
        foreach (var name in Delta)
        {
            Check(cuFuncSetAttribute(_functions[name], DynamicSharedMemory, DeltaSizes.Largest), $"cuFuncSetAttribute({name})");
            Check(cuFuncSetAttribute(_functions[name], SharedShare, 100), $"cuFuncSetAttribute({name})"); // two blocks of the scans at once
        }
    }

    /// <summary>Compiles the kernels of attention, the first time; on the lane.</summary>
    /// <exception cref="DeviceException">The compiler or the driver refuses the code.</exception>
    public void LoadAttention()
    {
        if (_functions.ContainsKey(Attention[0])) return;
        Load(Attention, _architecture + "a", "operators.cu", "matrices.cu", "attention.cu"); // its tensor cores' instructions are those of one generation
        foreach (var name in Attention) Check(cuFuncSetAttribute(_functions[name], DynamicSharedMemory, CudaRowAttention.SharedBytes), $"cuFuncSetAttribute({name})");
    }

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
        foreach (var module in _modules) _ = cuModuleUnload(module);
    }

    private void Load(string[] functions, string architecture, params IEnumerable<string> files)
    {
        var code = _compiler.Compile(string.Concat(files.Select(Source)), architecture);
        using var entered = _context.Enter();
        nint module;
        fixed (byte* image = code) Check(cuModuleLoadData(out module, image), "cuModuleLoadData");
        _modules.Add(module);
        foreach (var name in functions)
        {
            Check(cuModuleGetFunction(out var function, module, name), $"cuModuleGetFunction({name})");
            _functions.Add(name, function);
        }
    }

    private static string Source(string file)
    {
        using var stream = typeof(CudaKernels).Assembly.GetManifestResourceStream(file)!;
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd();
    }
}

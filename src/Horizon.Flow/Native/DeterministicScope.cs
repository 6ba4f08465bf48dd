using System.Runtime.InteropServices;
using Horizon.Flow.Units;

namespace Horizon.Flow.Native;

/// <summary>
/// While one is open, libtorch's operators add in a fixed order on a GPU: without it the backward of its attention uses atomics, and the last bits
/// differ from run to run. The switch is one for the process (<c>at::Context</c>), TorchSharp does not offer it, and some operators outside a
/// layer have no ordered form and throw under it; so it is on only around attention and the backward of autograd graphs, for as long as any lane
/// needs it. Attention's forward belongs inside too: it chooses the kernel, and cuDNN's has no ordered backward.
/// A template of your own that calls <c>autograd.grad</c> does it inside one.
/// </summary>
public readonly unsafe ref struct DeterministicScope
{
    private static readonly Lock _gate = new();
    private static readonly nint _context;
    private static readonly delegate* unmanaged<nint, byte, byte, void> _deterministic;
    private static readonly delegate* unmanaged<nint, byte, void> _fill;
    private static int _open;
    private readonly bool _entered;

    // By the C++ names under which libtorch_cpu exports them (Itanium ABI; elsewhere there is no such name and the scope does nothing).
    static DeterministicScope()
    {
        var path = Path.Combine(NativeTorch.Load(), "libtorch_cpu.so");
        if (!NativeLibrary.TryLoad(path, out var library)
            || !NativeLibrary.TryGetExport(library, "_ZN2at13globalContextEv", out var context)
            || !NativeLibrary.TryGetExport(library, "_ZN2at7Context26setDeterministicAlgorithmsEbb", out var deterministic)
            || !NativeLibrary.TryGetExport(library, "_ZN2at7Context39setDeterministicFillUninitializedMemoryEb", out var fill))
        {
            return;
        }

        _context = ((delegate* unmanaged<nint>)context)();
        _deterministic = (delegate* unmanaged<nint, byte, byte, void>)deterministic;
        _fill = (delegate* unmanaged<nint, byte, void>)fill;
    }

    private DeterministicScope(bool entered) => _entered = entered;

    /// <summary>Whether this libtorch has the switch.</summary>
    public static bool IsKnown => _context != 0;

    /// <summary>Turns the order on until the scope is disposed; nothing where the device is the CPU, whose operators are ordered anyway.</summary>
    /// <param name="device">Where the operators run.</param>
    /// <param name="isWanted">Whether order is wanted at all (<see cref="IUnitOperators.IsDeterministic"/>).</param>
    public static DeterministicScope Enter(TorchSharp.torch.Device device, bool isWanted = true)
    {
        if (!isWanted || device.type != TorchSharp.DeviceType.CUDA || !IsKnown) return default;
        lock (_gate)
        {
            if (_open++ == 0)
            {
                _fill(_context, 0); // it would fill new memory with NaN otherwise, which costs time and orders nothing
                _deterministic(_context, 1, 0);
            }
        }

        return new DeterministicScope(true);
    }

    /// <summary>Turns the order off again, unless another lane needs it.</summary>
    public void Dispose()
    {
        if (!_entered) return;
        lock (_gate)
        {
            if (--_open == 0) _deterministic(_context, 0, 0);
        }
    }
}

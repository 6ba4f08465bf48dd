using System.Runtime.InteropServices;

namespace Horizon.Flow.Bench;

/// <summary>
/// Switches of libtorch that TorchSharp does not offer, by the C++ names under which libtorch_cpu exports them: at::Context is one object
/// of the process, and its setters are ordinary functions.
/// </summary>
internal static unsafe class TorchSwitches
{
    private static readonly nint _context;
    private static readonly delegate* unmanaged<nint, byte, byte, void> _deterministic;
    private static readonly delegate* unmanaged<nint, byte, void> _fill;

    static TorchSwitches()
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

    /// <summary>Whether this libtorch has the switch.</summary>
    public static bool DeterministicIsKnown => _context != 0;

    /// <summary>Attention's backward sums in a fixed order. New memory is not filled, as it would be otherwise.</summary>
    public static void SetDeterministic(bool on)
    {
        _fill(_context, 0);
        _deterministic(_context, on ? (byte)1 : (byte)0, 0);
    }
}

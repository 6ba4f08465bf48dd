using System.Runtime.InteropServices;
using System.Text;

namespace Horizon.Flow.Devices;

/// <summary>
/// NVIDIA's run-time compiler, as it comes with libtorch: from source to the machine code of one architecture. Names and signatures as in
/// nvrtc.h ("NVRTC" reference).
/// </summary>
internal sealed unsafe class Nvrtc
{
    private readonly nint _library;

    private Nvrtc(nint library) => _library = library;

    /// <summary>The compiler beside libtorch, in the Python packages beside it, or the system's; null where there is none.</summary>
    public static Nvrtc? Find(string torchFolder)
    {
        foreach (var candidate in Candidates(torchFolder))
            if (NativeLibrary.TryLoad(candidate, out var library)) return new Nvrtc(library);
        return null;
    }

    /// <summary>Compiles.</summary>
    /// <param name="source">CUDA C++ without includes.</param>
    /// <param name="architecture">Such as <c>sm_90</c>.</param>
    /// <exception cref="DeviceException">What the compiler said.</exception>
    public byte[] Compile(string source, string architecture)
    {
        nint program = 0;
        var text = Terminated(source);
        fixed (byte* pointer = text)
            Check(((delegate* unmanaged<nint*, byte*, byte*, int, nint, nint, int>)Export("nvrtcCreateProgram"))(&program, pointer, null, 0, 0, 0), "nvrtcCreateProgram");
        try
        {
            fixed (byte* option = Terminated($"--gpu-architecture={architecture}"))
            {
                var result = ((delegate* unmanaged<nint, int, byte**, int>)Export("nvrtcCompileProgram"))(program, 1, &option);
                if (result != 0) throw new DeviceException($"nvrtcCompileProgram failed ({result}): {Log(program)}");
            }

            nuint size = 0;
            Check(((delegate* unmanaged<nint, nuint*, int>)Export("nvrtcGetCUBINSize"))(program, &size), "nvrtcGetCUBINSize");
            var code = new byte[size];
            fixed (byte* target = code) Check(((delegate* unmanaged<nint, byte*, int>)Export("nvrtcGetCUBIN"))(program, target), "nvrtcGetCUBIN");
            return code;
        }
        finally
        {
            _ = ((delegate* unmanaged<nint*, int>)Export("nvrtcDestroyProgram"))(&program);
        }
    }

    private static IEnumerable<string> Candidates(string torchFolder)
    {
        var packages = Path.GetFullPath(Path.Combine(torchFolder, "..", "..", "nvidia"));
        string[] folders = [torchFolder, .. Directory.Exists(packages) ? Directory.EnumerateDirectories(packages).Select(folder => Path.Combine(folder, "lib")) : []];
        foreach (var folder in folders.Where(Directory.Exists))
            foreach (var file in Directory.EnumerateFiles(folder, "libnvrtc*.so*").Where(file => !file.Contains("builtins", StringComparison.Ordinal)).Order())
                yield return file;
        yield return "libnvrtc.so.13";
        yield return "libnvrtc.so.12";
    }

    private string Log(nint program)
    {
        nuint size = 0;
        _ = ((delegate* unmanaged<nint, nuint*, int>)Export("nvrtcGetProgramLogSize"))(program, &size);
        var log = new byte[(int)size + 1];
        fixed (byte* target = log) _ = ((delegate* unmanaged<nint, byte*, int>)Export("nvrtcGetProgramLog"))(program, target);
        return Encoding.UTF8.GetString(log).TrimEnd('\0', '\n');
    }

    private nint Export(string name) => NativeLibrary.GetExport(_library, name);

    private static byte[] Terminated(string text) => Encoding.UTF8.GetBytes(text + '\0');

    private static void Check(int result, string call)
    {
        if (result != 0) throw new DeviceException($"{call} failed: NVRTC error {result}.");
    }
}

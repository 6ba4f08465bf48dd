using Horizon.Flow.Native;

namespace Horizon.Flow.Tests.Native;

public class NativeLoadErrorTests
{
    /// <summary>What .NET says of TorchSharp's library on Debian 12.</summary>
    [Fact]
    public void Reason_LineBelowAdvice_IsTaken()
    {
        var error = new DllNotFoundException(
            "Unable to load shared library '/p/libA.so' or one of its dependencies. In order to help diagnose loading problems, consider using a tool like strace. "
            + "If you're using glibc, consider setting the LD_DEBUG environment variable: \n"
            + "/lib/x86_64-linux-gnu/libstdc++.so.6: version `GLIBCXX_3.4.32' not found (required by /p/libA.so)\n");
        Assert.Equal("/lib/x86_64-linux-gnu/libstdc++.so.6: version `GLIBCXX_3.4.32' not found (required by /p/libA.so)", NativeLoadError.Reason("/p/libA.so", error));
    }

    [Fact]
    public void Reason_LineWithoutThePath_GetsIt() => Assert.Equal(
        "/p/libA.so: libcudart.so.12: cannot open shared object file",
        NativeLoadError.Reason("/p/libA.so", new DllNotFoundException("advice:\nlibcudart.so.12: cannot open shared object file.\n")));

    [Fact]
    public void Reason_OneLine_IsTaken() => Assert.Equal(
        "C:/A.dll: not a valid Win32 application", NativeLoadError.Reason("C:/A.dll", new BadImageFormatException("not a valid Win32 application.")));
}

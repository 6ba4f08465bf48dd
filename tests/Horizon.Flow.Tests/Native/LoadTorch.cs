using System.Runtime.CompilerServices;
using Horizon.Flow.Native;

namespace Horizon.Flow.Tests.Native;

/// <summary>Tests use tensors without a device, so libtorch is loaded before the first of them.</summary>
internal static class LoadTorch
{
    [ModuleInitializer]
    internal static void Load() => NativeTorch.Load();
}

using static TorchSharp.torch;

namespace Horizon.Flow;

/// <summary>temporary</summary>
public sealed class DeviceBuffer(Tensor flat) : IDisposable
{
    /// <summary>t</summary>
    public Tensor Flat { get; } = flat;
    /// <summary>t</summary>
    public void Dispose() => Flat.Dispose();
}

namespace Horizon.Flow.Resources;

/// <summary>Where bytes lie.</summary>
public enum MemoryPlace
{
    /// <summary>Host memory.</summary>
    Host,

    /// <summary>Device memory; on the CPU device, host memory too.</summary>
    Device,
}

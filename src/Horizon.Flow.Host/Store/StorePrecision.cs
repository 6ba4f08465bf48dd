namespace Horizon.Flow.Host.Store;

/// <summary>How a store keeps its master parameters.</summary>
public enum StorePrecision
{
    /// <summary>fp32 weights, uploaded as they are: 4 bytes a parameter. For checking and for small models.</summary>
    Fp32,

    /// <summary>
    /// bf16 rounding (what the device reads) and the 16-bit difference that restores the exact fp32 master: 2 + 2 bytes.
    /// </summary>
    Bf16,
}

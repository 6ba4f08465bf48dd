namespace Horizon.Flow.Resources;

/// <summary>The names of the default graph's pools.</summary>
public static class PoolNames
{
    /// <summary>Device buffers for weights.</summary>
    public const string DeviceWeights = "device weight buffers";

    /// <summary>Device buffers for gradients.</summary>
    public const string DeviceGradients = "device gradient buffers";

    /// <summary>Host buffers that gradients come down into.</summary>
    public const string Slabs = "gradient slabs";

    /// <summary>fp32 accumulators.</summary>
    public const string Accumulators = "gradient accumulators";

    /// <summary>Host buffers for offloaded inputs.</summary>
    public const string OffloadedInputs = "offloaded inputs";

    /// <summary>Device buffers for inputs that come back.</summary>
    public const string ReturnedInputs = "inputs brought back";

    /// <summary>Sums of squares on their way to the host.</summary>
    public const string Squares = "sums of squares";

    /// <summary>Copies of units that wait to be written to a checkpoint.</summary>
    public const string CheckpointCopies = "checkpoint copies";

    /// <summary>Losses on their way to the host.</summary>
    public const string Losses = "loss cells";
}

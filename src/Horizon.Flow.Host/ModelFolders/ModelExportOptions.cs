using Horizon.Flow.Host.Memory;
using Horizon.Flow.Host.Store;

namespace Horizon.Flow.Host.ModelFolders;

/// <summary>How a model's weights are written.</summary>
public sealed record ModelExportOptions
{
    /// <summary><see cref="ElementType.Float32"/>: exact masters; <see cref="ElementType.BFloat16"/>: their roundings.</summary>
    /// <value>Null: the store's own type, F32 for an fp32 store and BF16 for a bf16 store.</value>
    public ElementType? ElementType { get; init; }

    /// <summary>Bytes of tensors that one file may hold; a larger model is cut into several. A tensor is never cut.</summary>
    /// <value>5 GiB.</value>
    public long MaxShardBytes { get; init; } = 5L << 30;

    /// <summary>Which parameters are written.</summary>
    /// <value>Null: all.</value>
    public Func<ParameterSlot, bool>? Wanted { get; init; }

    /// <summary>How the files' names begin; adapters are <c>adapter_model</c>.</summary>
    /// <value><c>model</c>.</value>
    public string Stem { get; init; } = "model";

    /// <summary>Small files by name that describe the weights, such as <c>config.json</c>; they take their places together with them.</summary>
    /// <value>None.</value>
    public IReadOnlyDictionary<string, ReadOnlyMemory<byte>> Description { get; init; } = new Dictionary<string, ReadOnlyMemory<byte>>();
}

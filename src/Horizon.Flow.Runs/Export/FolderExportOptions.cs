using Horizon.Flow.Host.Memory;
using Horizon.Flow.Host.ModelFolders;

namespace Horizon.Flow.Runs.Export;

/// <summary>How a model folder is written anew.</summary>
public sealed record FolderExportOptions
{
    /// <summary><see cref="ElementType.Float32"/> or <see cref="ElementType.BFloat16"/>.</summary>
    /// <value>Null: bf16 where all weights that are read are, fp32 elsewhere.</value>
    public ElementType? Type { get; init; }

    /// <summary>Bytes of tensors that one file may hold.</summary>
    /// <value>5 GiB.</value>
    public long MaxShardBytes { get; init; } = new ModelExportOptions().MaxShardBytes;

    /// <summary>Whether a model that lies in the folder is replaced.</summary>
    /// <value>False.</value>
    public bool Overwrite { get; init; }
}

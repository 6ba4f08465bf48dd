using Horizon.Flow.Host.Memory;
using Horizon.Flow.Host.Store;
using Horizon.Flow.Models.Adapters;
using Horizon.Flow.Runs.Generation;
using Horizon.Flow.Runs.Planning;

namespace Horizon.Flow.Runs.Export;

/// <summary>Writes a model folder anew: adapters merged into it, in another type, in files of another size, with all that lies beside the weights.</summary>
public static class FolderExport
{
    /// <summary>Reads, merges and writes.</summary>
    /// <param name="source">The model.</param>
    /// <param name="target">A folder that holds no model yet, unless <see cref="FolderExportOptions.Overwrite"/> says so.</param>
    /// <param name="options">Type and size of the files; null for the defaults.</param>
    /// <param name="cancellation">Ends the reading.</param>
    /// <returns>What was written, in words.</returns>
    /// <exception cref="HorizonException">The model cannot be read, the folder not written, or there is too little memory.</exception>
    public static async Task<string> WriteAsync(ModelSource source, string target, FolderExportOptions? options = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(source);
        ArgumentException.ThrowIfNullOrEmpty(target);
        options ??= new();
        Refuse(source, target, options);
        var type = options.Type ?? (source.FindPrecision() == StorePrecision.Bf16 ? ElementType.BFloat16 : ElementType.Float32);
        var precision = type == ElementType.BFloat16 ? StorePrecision.Bf16 : StorePrecision.Fp32;
        var needed = new ByteSize(type.ByteSize() * source.Model.ParameterCount);
        var available = new ByteSize(MachineMemory.AvailableBytes());
        if (needed > available) throw new HorizonException($"not enough memory: the model needs {needed}, {available} are available.");
        // Looked at before the weights are read, which takes its time.
        var writer = ModelFolderWriter.Open(source.Folder, source.Config);
        using var store = await source.LoadAsync(precision, exactAdapters: true, cancellation).ConfigureAwait(false);
        foreach (var unit in source.Adapters is null ? [] : store.Units)
        {
            cancellation.ThrowIfCancellationRequested();
            AdapterMerge.Merge(source.Config, unit);
        }

        await writer.WriteAsync(target, store, type, options.MaxShardBytes).ConfigureAwait(false);
        var merged = source.Adapters is null ? "" : $", adapters of {source.Adapters.Path} merged";
        return $"{target}: {new ByteSize(type.ByteSize() * source.Model.Units.Sum(unit => unit.Parameters.Where(slot => !AdapterLayout.IsAdapter(slot)).Sum(slot => slot.Count)))} of {(type == ElementType.BFloat16 ? "bf16" : "fp32")} weights{merged}";
    }

    private static void Refuse(ModelSource source, string target, FolderExportOptions options)
    {
        var full = Path.GetFullPath(target);
        string?[] read = [source.Folder, source.Adapters?.Path];
        if (read.OfType<string>().Any(folder => Path.GetFullPath(folder) == full)) throw new HorizonException($"{target} is what is read; name another folder to write");
        if (!options.Overwrite && Directory.Exists(target) && Directory.EnumerateFiles(target).Any(file => Path.GetFileName(file) is "config.json" or AdapterFolder.ConfigFile || file.EndsWith(".safetensors", StringComparison.Ordinal)))
            throw new HorizonException($"{target} holds a model; name another folder, or add --overwrite to replace it");
    }
}

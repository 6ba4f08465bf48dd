using Horizon.Flow.Host.Safetensors;

namespace Horizon.Flow.Host.ModelFolders;

/// <summary>Says what a folder is that was taken for a Hugging Face model folder, and what to do about it.</summary>
public static class FolderGuess
{
    private static readonly (string[] Patterns, string What)[] OtherWeights =
    [
        (["adapter_config.json"], "a PEFT adapter, which is no whole model; merge it into its base model with horizon export and name the folder of the result"),
        (["*.gguf"], "GGUF weights, which are made for inference; name the folder of the model's safetensors files"),
        (["*.bin", "*.pt", "*.pth", "*.ckpt"], "PyTorch's pickled weights, which are programs and not opened; save the model as safetensors (save_pretrained of transformers does) and name that folder"),
        (["*.msgpack", "*.h5", "*.onnx", "*.npz"], "the weights of another framework; name the folder of the model's safetensors files"),
    ];

    /// <summary>What the folder is, in a sentence that begins with its name; null where nothing tells.</summary>
    /// <param name="folder">An existing folder.</param>
    public static string? Of(string folder)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        try
        {
            if (CacheSnapshots(folder) is { } snapshots) return $"{folder} is the root of a model in the Hugging Face cache; name one of its snapshots: {snapshots}";
            foreach (var (patterns, what) in OtherWeights)
                if (patterns.SelectMany(pattern => Directory.EnumerateFiles(folder, pattern)).Order(StringComparer.Ordinal).FirstOrDefault() is { } file)
                    return $"{folder} holds {what} (found: {Path.GetFileName(file).Shown()})";
            return null;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    private static string? CacheSnapshots(string folder)
    {
        var snapshots = Path.Combine(folder, "snapshots");
        if (!Directory.Exists(snapshots) || !Directory.Exists(Path.Combine(folder, "blobs"))) return null;
        string[] revisions = [.. Directory.EnumerateDirectories(snapshots).Order(StringComparer.Ordinal)];
        return revisions.Length == 0 ? "it has none yet, so download the model again" : revisions.Shown(most: 3);
    }
}

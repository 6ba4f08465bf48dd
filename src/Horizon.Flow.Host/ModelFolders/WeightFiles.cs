using Horizon.Flow.Host.Files;
using Horizon.Flow.Host.Safetensors;

namespace Horizon.Flow.Host.ModelFolders;

/// <summary>
/// A model folder as Hugging Face lays it out: <c>model.safetensors</c>, or <c>model.safetensors.index.json</c> with its shards, or
/// one safetensors file of any other name. Its files are untrusted. Holds each file open, and its header in memory, until disposed.
/// </summary>
public sealed class WeightFiles : IDisposable
{
    private const string SingleFile = "model.safetensors";

    private readonly Dictionary<string, TensorInfo> _tensors = new(StringComparer.Ordinal);
    private readonly List<SafetensorsFile> _files = [];

    private WeightFiles(string path) => Path = path;

    /// <summary>The folder, as given.</summary>
    public string Path { get; }

    /// <summary>The files that hold tensors.</summary>
    public IReadOnlyList<SafetensorsFile> Files => _files;

    /// <summary>The names of all tensors.</summary>
    public IReadOnlyCollection<string> TensorNames => _tensors.Keys;

    /// <summary>Opens the folder's files and checks their headers, and that each tensor lies where the index says.</summary>
    /// <param name="path">The folder.</param>
    /// <exception cref="HorizonException">There is no such folder, no weights in it, or one of its files is damaged.</exception>
    public static WeightFiles Open(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        if (!Directory.Exists(path)) throw new HorizonException($"there is no model folder {path}");
        var folder = new WeightFiles(path);
        try
        {
            folder.OpenFiles();
            return folder;
        }
        catch (Exception error)
        {
            folder.Dispose();
            if (error is IOException or UnauthorizedAccessException)
                throw new HorizonException($"cannot read the model folder {path}: {error.Reason()}", error);
            throw;
        }
    }

    /// <summary>Opens one safetensors file of a folder, and no other.</summary>
    /// <param name="path">The folder.</param>
    /// <param name="name">The file's name.</param>
    /// <exception cref="HorizonException">There is no such file, or it is damaged.</exception>
    public static WeightFiles OpenFile(string path, string name)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        ArgumentException.ThrowIfNullOrEmpty(name);
        var folder = new WeightFiles(path);
        folder.OpenWhole(System.IO.Path.Combine(path, name));
        return folder;
    }

    /// <summary>The tensor of that name, or null.</summary>
    public TensorInfo? Find(string name) => _tensors.GetValueOrDefault(name);

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var file in _files) file.Dispose();
    }

    private void OpenFiles()
    {
        var single = System.IO.Path.Combine(Path, SingleFile);
        var index = System.IO.Path.Combine(Path, ShardIndex.FileName);
        if (UntrustedFile.IsThere(single)) OpenWhole(single);
        else if (UntrustedFile.IsThere(index)) OpenShards(index);
        else OpenWhole(OnlyFile());
    }

    private void OpenWhole(string file)
    {
        _files.Add(SafetensorsFile.Open(file));
        foreach (var tensor in _files[0].Tensors.Values) _tensors.Add(tensor.Name, tensor);
    }

    private void OpenShards(string index)
    {
        var shards = ShardIndex.Read(index).GroupBy(entry => entry.Value, entry => entry.Key);
        foreach (var shard in shards.OrderBy(shard => shard.Key, StringComparer.Ordinal))
        {
            var path = System.IO.Path.Combine(Path, shard.Key);
            if (!UntrustedFile.IsThere(path))
                throw new HorizonException($"{index} names {shard.Key}, which is not in the folder; download it too");
            var file = SafetensorsFile.Open(path);
            _files.Add(file);
            var lacking = shard.Where(name => !file.Tensors.ContainsKey(name)).ToArray();
            if (lacking.Length > 0)
                throw new HorizonException($"{path} lacks tensors that {index} places there: {lacking.Shown()}; download it again");
            foreach (var name in shard) _tensors.Add(name, file.Tensors[name]);
        }
    }

    private string OnlyFile()
    {
        var files = Directory.GetFiles(Path, "*.safetensors");
        return files switch
        {
            [var file] when !UntrustedFile.IsThere(System.IO.Path.Combine(Path, "adapter_config.json")) => file,
            [] or [_] => throw new HorizonException(FolderGuess.Of(Path) ?? $"{Path} holds neither {SingleFile} nor {ShardIndex.FileName}"),
            _ => throw new HorizonException($"{Path} holds {files.Length} safetensors files but no {ShardIndex.FileName} to choose by"),
        };
    }
}

namespace Horizon.Flow.Host.Tests;

/// <summary>A folder of its own for one test, deleted afterwards.</summary>
public sealed class TestFolder : IDisposable
{
    public string Path { get; } = Directory.CreateTempSubdirectory("horizon-safetensors-").FullName;

    public static string Reference(string file) => System.IO.Path.Combine(AppContext.BaseDirectory, "data", "llama-gqa", file);

    public string this[string file] => System.IO.Path.Combine(Path, file);

    public string Write(string file, byte[] bytes)
    {
        File.WriteAllBytes(this[file], bytes);
        return this[file];
    }

    public void Dispose() => Directory.Delete(Path, recursive: true);
}

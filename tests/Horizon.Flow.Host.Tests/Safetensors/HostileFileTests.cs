using System.Text;
using FsCheck;

namespace Horizon.Flow.Host.Tests;

/// <summary>Mutations of real files: whatever is in them, only <see cref="HorizonException"/> comes out, and memory stays bounded.</summary>
public sealed class HostileFileTests : IDisposable
{
    private static readonly byte[][] Seeds = [.. new[] { "model", "io" }.Select(name => File.ReadAllBytes(TestFolder.Reference(name + ".safetensors")))];

    private readonly TestFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fuzz]
    public void Open_MutatedFile_IsReadOrRefused(bool first, bool lengthMended, DoNotSize<int>[] script)
    {
        var seed = Seeds[first ? 0 : 1];
        var headerEnd = 8 + BitConverter.ToInt32(seed);
        var start = lengthMended
            ? NaiveSafetensors.Build(Mutator.Apply(seed[8..headerEnd], script), [])
            : Mutator.Apply(seed[..headerEnd], script);
        var path = _folder.Write("x.safetensors", start);
        var length = start.Length + seed.Length - headerEnd;
        using (var file = new FileStream(path, FileMode.Open)) file.SetLength(length);

        var before = GC.GetAllocatedBytesForCurrentThread();
        var refused = Record.Exception(() => ReadAll(path));
        Assert.True(refused is null or HorizonException, refused?.ToString());
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 200_000 + (8 * length));
    }

    [Fuzz]
    public void Open_MutatedIndex_IsReadOrRefused(DoNotSize<int>[] script)
    {
        const string Index = """
            {"metadata":{"total_size":12},"weight_map":{"x":"a.safetensors","y":"b.safetensors","z":"b.safetensors"}}
            """;
        _folder.Write("a.safetensors", NaiveSafetensors.Build(("x", NaiveSafetensors.Floats("F32", 1))));
        _folder.Write("b.safetensors", NaiveSafetensors.Build(("y", NaiveSafetensors.Floats("F32", 1)), ("z", NaiveSafetensors.Floats("F32", 1))));
        _folder.Write("model.safetensors.index.json", Mutator.Apply(Encoding.UTF8.GetBytes(Index), script));

        var refused = Record.Exception(() => CheckpointFolder.Open(_folder.Path).Dispose());
        Assert.True(refused is null or HorizonException, refused?.ToString());
    }

    private static void ReadAll(string path)
    {
        using var file = SafetensorsFile.Open(path);
        foreach (var tensor in file.Tensors.Values)
        {
            using var buffer = new HostBuffer(tensor.ByteLength);
            file.ReadAsync(tensor.Name, new RawDestination(buffer)).GetAwaiter().GetResult();
        }
    }
}

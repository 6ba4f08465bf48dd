using System.Text.Json;
using FsCheck;
using Horizon.Flow.Host.Files;
using Horizon.Flow.Host.Memory;
using Horizon.Flow.Host.ModelFolders;
using Horizon.Flow.Host.Store;
using Horizon.Flow.Tests.Shared;

namespace Horizon.Flow.Host.Tests;

public sealed class ModelExporterTests : IDisposable
{
    private readonly TestFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(StorePrecision.Fp32, null)]
    [InlineData(StorePrecision.Bf16, ElementType.Float32)]
    public async Task Export_LoadedReferenceModel_GivesItsFileBack(StorePrecision precision, ElementType? type)
    {
        var units = Stores.For(NaiveSafetensors.Read(TestFolder.Reference("model.safetensors")), precision);
        File.Copy(TestFolder.Reference("model.safetensors"), _folder["model.safetensors"]);
        using (var checkpoint = WeightFiles.Open(_folder.Path)) await StoreLoader.LoadAsync(checkpoint, units);

        var files = await ModelExporter.ExportAsync(_folder["new/folder"], units, new() { ElementType = type });

        Assert.Equal(["model.safetensors"], files);
        Assert.Equal(await File.ReadAllBytesAsync(TestFolder.Reference("model.safetensors")), await File.ReadAllBytesAsync(_folder["new/folder/model.safetensors"]));
        Stores.Dispose(units);
    }

    [Cases(20)]
    public void Export_AnyShardSize_ReadsBackTheSameBits(bool bf16, byte[] sizes, PositiveInt shardBytes)
    {
        using var folder = new TestFolder();
        var precision = bf16 ? StorePrecision.Bf16 : StorePrecision.Fp32;
        (string, long[])[] tensors = [.. sizes.Select((size, i) => ($"layer.{i}", new long[] { size }))];
        UnitState[] units = [.. tensors.Chunk(3).Select((chunk, i) => Stores.FillFinite(Stores.Unit(precision, chunk), i))];
        UnitState[] copies = [.. tensors.Chunk(3).Select(chunk => Stores.Unit(precision, chunk))];
        var options = new ModelExportOptions { ElementType = ElementType.Float32, MaxShardBytes = shardBytes.Get * 100L };

        var files = ModelExporter.ExportAsync(folder.Path, units, options).GetAwaiter().GetResult();
        using (var checkpoint = WeightFiles.Open(folder.Path))
            StoreLoader.LoadAsync(checkpoint, copies).GetAwaiter().GetResult();

        Assert.Equal(files.Order(StringComparer.Ordinal), Directory.GetFiles(folder.Path).Select(Path.GetFileName).Order(StringComparer.Ordinal));
        foreach (var (unit, copy) in units.Zip(copies))
        {
            foreach (var slot in unit.Layout.Parameters)
                Assert.Equal(Stores.Masters(unit, slot), Stores.Masters(copy, slot));
            Assert.True(AllWeights(unit).SequenceEqual(AllWeights(copy)));
        }

        foreach (var file in files.Where(file => file.EndsWith(".safetensors", StringComparison.Ordinal)))
        {
            var held = NaiveSafetensors.Read(folder[file]);
            Assert.True(held.Count == 1 || held.Sum(tensor => tensor.Value.Bytes.Length) <= options.MaxShardBytes || files.Count == 1);
        }

        Stores.Dispose(units.Concat(copies));
    }

    [Fact]
    public async Task Export_Shards_AreNamedAndIndexedAsHuggingFaceDoes()
    {
        using var unit = Stores.Unit(StorePrecision.Bf16, ("a", [4]), ("b", [2, 2]), ("c", [9]));
        var files = await ModelExporter.ExportAsync(_folder.Path, [unit], new() { MaxShardBytes = 16 });

        Assert.Equal(["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors", "model.safetensors.index.json"], files);
        using var index = JsonDocument.Parse(await File.ReadAllBytesAsync(_folder["model.safetensors.index.json"]));
        Assert.Equal(34, index.RootElement.GetProperty("metadata").GetProperty("total_size").GetInt64());
        Assert.Equal("model-00001-of-00002.safetensors", index.RootElement.GetProperty("weight_map").GetProperty("b").GetString());
        Assert.Equal("model-00002-of-00002.safetensors", index.RootElement.GetProperty("weight_map").GetProperty("c").GetString());
        Assert.Equal("BF16", NaiveSafetensors.Read(_folder[files[1]])["c"].Type);
    }

    [Fact]
    public async Task Export_AsBf16_IsTheSameFromBothStores()
    {
        using var narrow = Stores.FillFinite(Stores.Unit(StorePrecision.Bf16, ("w", [999])), seed: 3);
        using var wide = Stores.Unit(StorePrecision.Fp32, ("w", [999]));
        Stores.Masters(narrow, narrow.Layout.Parameters[0]).CopyTo(wide.Weights.Span<float>(0, 999));
        await ModelExporter.ExportAsync(_folder["narrow"], [narrow]);
        await ModelExporter.ExportAsync(_folder["wide"], [wide], new() { ElementType = ElementType.BFloat16 });
        Assert.Equal(await File.ReadAllBytesAsync(_folder["narrow/model.safetensors"]), await File.ReadAllBytesAsync(_folder["wide/model.safetensors"]));
    }

    [Fact]
    public async Task Export_OverAnOlderModel_LeavesNothingOfIt()
    {
        using var unit = Stores.Unit(StorePrecision.Fp32, ("a", [4]), ("b", [4]));
        await ModelExporter.ExportAsync(_folder.Path, [unit], new() { MaxShardBytes = 16 });
        _folder.Write("tokenizer.json", []);
        _folder.Write("model-00001-of-00009.safetensors.partial", []);
        await ModelExporter.ExportAsync(_folder.Path, [unit]);
        Assert.Equal(["model.safetensors", "tokenizer.json"], Directory.GetFiles(_folder.Path).Select(Path.GetFileName).Order());

        await ModelExporter.ExportAsync(_folder.Path, [unit], new() { MaxShardBytes = 16 });
        using var checkpoint = WeightFiles.Open(_folder.Path);
        Assert.Equal(2, checkpoint.Files.Count);
    }

    [Fact]
    public async Task Export_FullDisk_IsOneErrorAndKeepsTheOldFile()
    {
        _folder.Write("model.safetensors", [1, 2, 3]);
        // No disk has so much room.
        var error = await Assert.ThrowsAsync<HorizonException>(() => PartialFile.WriteAsync(_folder["model.safetensors"], 1L << 60, _ => Task.CompletedTask));
        Assert.Contains("cannot write", error.Message, StringComparison.Ordinal);
        AssertOnlyTheOldFile();
    }

    [Fact]
    public async Task Export_LinksInTheFolder_AreReplacedAndNotFollowed()
    {
        using var unit = Stores.Unit(StorePrecision.Fp32, ("a", [4]));
        using var outside = new TestFolder();
        foreach (var name in new[] { "model.safetensors", "model.safetensors.partial", "config.json", "config.json.partial" })
            File.CreateSymbolicLink(_folder[name], outside.Write(name, [1, 2, 3]));
        await ModelExporter.ExportAsync(_folder.Path, [unit], new() { Description = new Dictionary<string, ReadOnlyMemory<byte>> { ["config.json"] = new byte[] { 7 } } });
        Assert.All(Directory.GetFiles(outside.Path), file => Assert.Equal([1, 2, 3], File.ReadAllBytes(file)));
        Assert.Equal(["config.json", "model.safetensors"], Directory.GetFiles(_folder.Path).Select(Path.GetFileName).Order());
        Assert.All(Directory.GetFiles(_folder.Path), file => Assert.Null(new FileInfo(file).LinkTarget));
        Assert.Equal([7], File.ReadAllBytes(_folder["config.json"]));
    }

    [Fact]
    public async Task Export_Cancelled_KeepsTheOldFile()
    {
        using var unit = Stores.Unit(StorePrecision.Fp32, ("a", [4]));
        _folder.Write("model.safetensors", [1, 2, 3]);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(
            () => ModelExporter.ExportAsync(_folder.Path, [unit], cancellationToken: new CancellationToken(canceled: true)));
        AssertOnlyTheOldFile();
    }

    [Fact]
    public async Task Export_FolderThatCannotBe_IsOneError()
    {
        using var unit = Stores.Unit(StorePrecision.Fp32, ("a", [4]));
        _folder.Write("file", []);
        foreach (var folder in new[] { _folder["file"], _folder["file/below"], "/proc/horizon" })
        {
            var error = await Assert.ThrowsAsync<HorizonException>(() => ModelExporter.ExportAsync(folder, [unit]));
            Assert.Contains($"cannot write {folder}", error.Message, StringComparison.Ordinal);
        }
    }

    private static Span<byte> AllWeights(UnitState unit) => unit.Weights.Span<byte>(0, (int)unit.Weights.ByteLength);

    private void AssertOnlyTheOldFile()
    {
        Assert.Equal(["model.safetensors"], Directory.GetFiles(_folder.Path).Select(Path.GetFileName));
        Assert.Equal([1, 2, 3], File.ReadAllBytes(_folder["model.safetensors"]));
    }
}

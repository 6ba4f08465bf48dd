using Horizon.Flow.Host.ModelFolders;
using Horizon.Flow.Host.Store;
using Horizon.Flow.Tests.Shared;

namespace Horizon.Flow.Host.Tests;

public sealed class StoreLoaderTests : IDisposable
{
    private readonly TestFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(StorePrecision.Fp32)]
    [InlineData(StorePrecision.Bf16)]
    public async Task Load_ReferenceModel_GivesItsValuesAsExactMasters(StorePrecision precision)
    {
        var expected = NaiveSafetensors.Read(TestFolder.Reference("model.safetensors"));
        File.Copy(TestFolder.Reference("model.safetensors"), _folder["model.safetensors"]);
        var units = Stores.For(expected, precision);
        var progress = new Collected();

        using var checkpoint = WeightFiles.Open(_folder.Path);
        var result = await StoreLoader.LoadAsync(checkpoint, units, progress: progress);

        foreach (var unit in units)
            foreach (var slot in unit.Layout.Parameters)
                Assert.Equal(expected[slot.TensorName].Floats(), Stores.Masters(unit, slot));
        Assert.Equal(expected.Count, result.TensorCount);
        Assert.Null(result.Warning);
        Assert.Equal(expected.Sum(entry => entry.Value.Bytes.Length), result.BytesRead);
        Assert.Equal(expected.Count, progress.Reports.Count);
        Assert.Equal((result.BytesRead, result.BytesRead), (progress.Reports[^1].BytesRead, progress.Reports[^1].TotalBytes));
        Assert.Equal(progress.Reports.OrderBy(report => report.Tensor.Offset), progress.Reports);
        Stores.Dispose(units);
    }

    [Theory]
    [InlineData("model.norm.weight", "norm.weight")]
    [InlineData("norm.weight", "model.norm.weight")]
    public async Task Load_OtherPrefix_IsFound(string asked, string held)
    {
        Write((held, NaiveSafetensors.Floats("BF16", 2, 3)));
        using var unit = Stores.Unit(StorePrecision.Fp32, (asked, [2]));
        await LoadAsync(unit);
        Assert.Equal([2f, 3f], Stores.Masters(unit, unit.Layout.Parameters[0]));
    }

    [Fact]
    public async Task Load_Alias_RenamesBeforeLooking()
    {
        Write(("transformer.ln_f.weight", NaiveSafetensors.Floats("F16", 2, 3)), ("b", NaiveSafetensors.Floats("F64", 4)));
        using var unit = Stores.Unit(StorePrecision.Bf16, ("model.norm.weight", [2]), ("b", [1]));
        await LoadAsync(unit, new LoadOptions { Alias = name => name == "model.norm.weight" ? "transformer.ln_f.weight" : null });
        Assert.Equal([2f, 3f], Stores.Masters(unit, unit.Layout.Parameters[0]));
        Assert.Equal([4f], Stores.Masters(unit, unit.Layout.Parameters[1]));
    }

    [Fact]
    public async Task Load_MissingTensors_AreListedWithTheNearestNames()
    {
        Write(("model.norms.weight", NaiveSafetensors.Floats("F32", 1)), ("unrelated", NaiveSafetensors.Floats("F32", 1)));
        using var unit = Stores.Unit(StorePrecision.Fp32, [("model.norm.weight", [1]), .. Enumerable.Range(0, 9).Select(i => ($"{i}", new long[] { 1 }))]);
        var error = await Assert.ThrowsAsync<HorizonException>(() => LoadAsync(unit));
        Assert.Contains("lacks 10 tensors", error.Message, StringComparison.Ordinal);
        Assert.Contains("model.norm.weight (nearest: model.norms.weight)", error.Message, StringComparison.Ordinal);
        Assert.Contains("and 5 more", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Load_OtherShape_NamesTensorFileAndBothShapes()
    {
        Write(("w", new NaiveSafetensors.Tensor("F32", [2, 3], new byte[24])));
        using var unit = Stores.Unit(StorePrecision.Fp32, ("w", [3, 2]));
        var error = await Assert.ThrowsAsync<HorizonException>(() => LoadAsync(unit));
        Assert.Equal($"tensor w is [2, 3] in {_folder["model.safetensors"]} but config.json asks for [3, 2]", error.Message);
    }

    [Fact]
    public async Task Load_UnexpectedTensors_AreListedUnlessHarmless()
    {
        var one = NaiveSafetensors.Floats("F32", 1);
        Write(("w", one), ("lm_head.weight", one), ("model.layers.0.self_attn.rotary_emb.inv_freq", one), ("extra", one));
        using var unit = Stores.Unit(StorePrecision.Fp32, ("w", [1]));
        var result = await LoadAsync(unit);
        Assert.Equal(["extra"], result.UnexpectedTensors);
        Assert.Contains("extra", result.Warning!, StringComparison.Ordinal);
    }

    /// <summary>
    /// A tied model uses the embedding, whatever its family calls it; the file's own head is compared with it, and another one is not dropped in silence.
    /// </summary>
    [Theory]
    [InlineData("model.embed_tokens.weight", StorePrecision.Fp32, "F32", new float[] { 3, 4 }, null)]
    [InlineData("model.embed_tokens.weight", StorePrecision.Bf16, "BF16", new float[] { 3, 4 }, null)]
    [InlineData("model.embed_tokens.weight", StorePrecision.Bf16, "F16", new float[] { 3, 4.5f }, "relative distance of 0.1:")]
    [InlineData("model.embed_tokens.weight", StorePrecision.Fp32, "F64", new float[] { 0, 0 }, "relative distance of 1:")]
    [InlineData("model.embed_tokens.weight", StorePrecision.Fp32, "F32", new float[] { 3, 4, 5 }, "relative distance of Infinity:")]
    [InlineData("transformer.wte.weight", StorePrecision.Fp32, "F32", new float[] { 3, 4 }, null)]
    [InlineData("transformer.wte.weight", StorePrecision.Bf16, "F32", new float[] { 3, 4.5f }, "relative distance of 0.1:")]
    public async Task Load_TiedModelWithAHeadInTheFile_TellsTheDistance(string embedding, StorePrecision precision, string type, float[] head, string? warning)
    {
        Write(("first", NaiveSafetensors.Floats("F32", 9)), (embedding, NaiveSafetensors.Floats("F32", 3, 4)), ("lm_head.weight", NaiveSafetensors.Floats(type, head)));
        using var unit = new UnitState(new UnitLayout("unit", "unit", [("first", "first", [1]), ("embed_tokens.weight", embedding, [2])]), precision, []);
        var result = await LoadAsync(unit);
        Assert.Empty(result.UnexpectedTensors);
        if (warning is null) Assert.Null(result.Warning);
        else Assert.Contains(warning, result.Warning!, StringComparison.Ordinal);
        Assert.Equal([3f, 4f], Stores.Masters(unit, unit.Layout.Parameters[1]));
    }

    /// <summary>Blocks of 32 four-bit floats and their powers of two, as gpt-oss has them; whichever half lies first, each value is its float times its scale.</summary>
    [Cases(30)]
    public async Task Load_Mxfp4_GivesEachFloatTimesItsScale(int seed, bool scalesFirst, bool exactMasters)
    {
        var random = new Random(seed);
        var (experts, rows, blocks) = (random.Next(1, 4), random.Next(1, 600), random.Next(1, 4));
        var elements = new byte[experts * rows * blocks * 16];
        random.NextBytes(elements);
        byte[] scales = [.. Enumerable.Range(0, experts * rows * blocks).Select(_ => (byte)random.Next(0, 250))];
        (string, NaiveSafetensors.Tensor) floats = ("w_blocks", new("U8", [experts, rows, blocks, 16], elements));
        (string, NaiveSafetensors.Tensor) powers = ("w_scales", new("U8", [experts, rows, blocks], scales));
        Write(scalesFirst ? powers : floats, ("other", NaiveSafetensors.Floats("F32", 1, 2, 3)), scalesFirst ? floats : powers);
        using var unit = Stores.Unit(exactMasters ? StorePrecision.Bf16 : StorePrecision.Fp32, ("other", [3]), ("w", [experts, 32 * blocks, rows]));

        var result = await LoadAsync(unit);

        double Float(int place)
        {
            var bits = (elements[place / 2] >> (place % 2 == 0 ? 0 : 4)) & 15;
            var (exponent, mantissa) = ((bits >> 1) & 3, bits & 1);
            return ((bits & 8) != 0 ? -1 : 1) * (exponent == 0 ? mantissa / 2.0 : (1 + (mantissa / 2.0)) * (1 << (exponent - 1)));
        }

        var expected =
            from expert in Enumerable.Range(0, experts)
            from column in Enumerable.Range(0, 32 * blocks)
            from row in Enumerable.Range(0, rows)
            let place = (((expert * rows) + row) * 32 * blocks) + column
            select (float)(Float(place) * Math.Pow(2, scales[place / 32] - 127));
        Assert.Equal(expected, Stores.Masters(unit, unit.Layout.Parameters[1]));
        Assert.Empty(result.UnexpectedTensors);
    }

    /// <summary>A tensor whose rows lie in several units, as floats or as MXFP4: each unit has its own, the tensor is read once, and written it is one again.</summary>
    [Cases(30)]
    public async Task Load_RowsOfATensorInSeveralUnits_AreThoseOfTheWhole(int seed, bool microscaled, bool exactMasters)
    {
        var random = new Random(seed);
        var (parts, each, rows, precision) = (random.Next(1, 4), random.Next(1, 4), random.Next(1, 300), exactMasters ? StorePrecision.Bf16 : StorePrecision.Fp32);
        var experts = parts * each;
        long[] shape = [experts, 32, rows];
        if (microscaled)
        {
            var elements = new byte[experts * rows * 16];
            random.NextBytes(elements);
            Write(("w_blocks", new("U8", [experts, rows, 1, 16], elements)), ("w_scales", new("U8", [experts, rows, 1], [.. Enumerable.Range(0, experts * rows).Select(_ => (byte)random.Next(100, 150))])));
        }
        else
        {
            Write(("w", new("F32", shape, [.. Enumerable.Range(0, experts * 32 * rows).SelectMany(_ => BitConverter.GetBytes(random.NextSingle()))])));
        }

        using var whole = new UnitState(new UnitLayout("whole", "unit", [("w", "w", shape)]), precision, []);
        List<UnitState> units = [.. Enumerable.Range(0, parts).Select(part => new UnitState(
            new UnitLayout($"part {part}", "unit", [("w", "w", [each, 32, rows])], rows: new Dictionary<string, TensorRows> { ["w"] = new(part * each, experts) }), precision, []))];
        await LoadAsync(whole);
        using (var files = WeightFiles.Open(_folder.Path)) Assert.Equal(microscaled ? 2 : 1, (await StoreLoader.LoadAsync(files, units)).TensorCount);
        Assert.Equal(Stores.Masters(whole, whole.Layout.Parameters[0]), units.SelectMany(unit => Stores.Masters(unit, unit.Layout.Parameters[0])));

        await ModelExporter.ExportAsync(Path.Combine(_folder.Path, "whole"), [whole]);
        await ModelExporter.ExportAsync(Path.Combine(_folder.Path, "parts"), units);
        Assert.Equal(File.ReadAllBytes(Path.Combine(_folder.Path, "whole", "model.safetensors")), File.ReadAllBytes(Path.Combine(_folder.Path, "parts", "model.safetensors")));
        foreach (var unit in units) unit.Dispose();
    }

    [Theory]
    [InlineData(255, new long[] { 1, 2, 1 }, "not finite")]
    [InlineData(127, new long[] { 1, 1, 2 }, "tensor w_scales is U8 [1, 1, 2]")]
    public async Task Load_Mxfp4Damaged_IsRefused(byte scale, long[] shape, string named)
    {
        Write(("w_blocks", new("U8", [1, 2, 1, 16], [.. Enumerable.Repeat((byte)0x22, 32)])), ("w_scales", new("U8", shape, [scale, scale])));
        using var unit = Stores.Unit(StorePrecision.Bf16, ("w", [1, 32, 2]));
        Assert.Contains(named, (await Assert.ThrowsAsync<HorizonException>(() => LoadAsync(unit))).Message, StringComparison.Ordinal);
    }

    /// <summary>Both halves are found under the other prefix, as a whole parameter is.</summary>
    [Theory]
    [InlineData("model.w", "w")]
    [InlineData("w", "model.w")]
    public async Task Load_Mxfp4WithOtherPrefix_IsFound(string asked, string held)
    {
        Write(($"{held}_blocks", new("U8", [1, 1, 1, 16], [.. Enumerable.Repeat((byte)0x22, 16)])), ($"{held}_scales", new("U8", [1, 1, 1], [128])));
        using var unit = Stores.Unit(StorePrecision.Fp32, (asked, [1, 32, 1]));
        await LoadAsync(unit);
        Assert.Equal(Enumerable.Repeat(2f, 32), Stores.Masters(unit, unit.Layout.Parameters[0]));
    }

    /// <summary>Each 8-bit float times the scale of its block, row or tensor, rounded once to fp32; the scales may lie in front or behind, in two types and under two names.</summary>
    [Cases(60)]
    public async Task Load_Fp8_GivesEachFloatTimesItsScale(int seed, bool scalesFirst, bool exactMasters, bool halves)
    {
        var random = new Random(seed);
        var (rows, columns, kind) = (random.Next(1, 300), random.Next(1, 300), random.Next(4));
        byte[] elements = [.. Enumerable.Range(0, rows * columns).Select(_ => (byte)(random.Next(127) + (128 * random.Next(2))))];
        var (down, across) = ((rows + 127) / 128, (columns + 127) / 128);
        long[] shape = kind switch { 0 => [], 1 => [1], 2 => [rows, 1], _ => [down, across] };
        float[] scales = [.. Enumerable.Range(0, (int)shape.Aggregate(1L, (product, extent) => product * extent)).Select(_ => halves ? (float)random.Next(1, 256) / 64 : random.NextSingle())];
        (string, NaiveSafetensors.Tensor) matrix = ("w.weight", new("F8_E4M3", [rows, columns], elements));
        (string, NaiveSafetensors.Tensor) beside = (
            kind < 2 ? "w.weight_scale" : "w.weight_scale_inv", new(halves ? "BF16" : "F32", shape, [.. scales.SelectMany(scale => BitConverter.GetBytes(scale)[(halves ? 2 : 0)..])]));
        Write(scalesFirst ? beside : matrix, ("other", NaiveSafetensors.Floats("F32", 1, 2, 3)), scalesFirst ? matrix : beside, ("w.input_scale", NaiveSafetensors.Floats("F32", 1)));
        using var unit = Stores.Unit(exactMasters ? StorePrecision.Bf16 : StorePrecision.Fp32, ("other", [3]), ("w.weight", [rows, columns]));

        var result = await LoadAsync(unit);

        var expected = elements.Select((bits, place) =>
        {
            var (exponent, mantissa) = ((bits >> 3) & 15, bits & 7);
            var value = (bits >= 128 ? -1 : 1) * (exponent == 0 ? mantissa / 8.0 * Math.Pow(2, -6) : (1 + (mantissa / 8.0)) * Math.Pow(2, exponent - 7));
            return (float)value * scales[kind switch { < 2 => 0, 2 => place / columns, _ => (place / columns / 128 * across) + (place % columns / 128) }];
        });
        Assert.Equal(expected, Stores.Masters(unit, unit.Layout.Parameters[1]));
        Assert.Empty(result.UnexpectedTensors);
    }

    /// <summary>Known numbers: the largest, the smallest, and one in the middle.</summary>
    [Theory]
    [InlineData(0x7E, 448f)]
    [InlineData(0xFE, -448f)]
    [InlineData(0x01, 0.001953125f)]
    [InlineData(0x08, 0.015625f)]
    [InlineData(0x38, 1f)]
    [InlineData(0xC5, -3.25f)]
    public async Task Load_Fp8_KnowsPublishedNumbers(byte bits, float value)
    {
        Write(("w", new("F8_E4M3", [1, 1], [bits])), ("w_scale_inv", NaiveSafetensors.Floats("F32", 1)));
        using var unit = Stores.Unit(StorePrecision.Bf16, ("w", [1, 1]));
        await LoadAsync(unit);
        Assert.Equal([value], Stores.Masters(unit, unit.Layout.Parameters[0]));
    }

    [Theory]
    [InlineData(0x7F, new long[] { 1, 1 }, "w_scale_inv", "weights must be finite")]
    [InlineData(0x38, new long[] { 2, 1 }, "w_scale_inv", "tensor w_scale_inv is [2, 1]")]
    [InlineData(0x38, new long[] { 1, 1, 2 }, "w_scale_inv", "tensor w_scale_inv is [1, 1, 2]")]
    [InlineData(0x38, new long[] { 1, 1 }, "w_other", "without w_scale_inv or w_scale")]
    public async Task Load_Fp8Damaged_IsRefused(byte bits, long[] shape, string name, string named)
    {
        Write(("w", new("F8_E4M3", [130, 130], [.. Enumerable.Repeat(bits, 130 * 130)])), (name, new("F32", shape, new byte[4 * shape.Aggregate(1L, (product, extent) => product * extent)])));
        using var unit = Stores.Unit(StorePrecision.Bf16, ("w", [130, 130]));
        Assert.Contains(named, (await Assert.ThrowsAsync<HorizonException>(() => LoadAsync(unit))).Message, StringComparison.Ordinal);
    }

    /// <summary>A bias of 8-bit floats is no published form.</summary>
    [Fact]
    public async Task Load_Fp8Vector_IsRefused()
    {
        Write(("b", new("F8_E4M3", [2], [1, 2])), ("b_scale", NaiveSafetensors.Floats("F32", 1)));
        using var unit = Stores.Unit(StorePrecision.Bf16, ("b", [2]));
        Assert.Contains("tensor b_scale is [1]", (await Assert.ThrowsAsync<HorizonException>(() => LoadAsync(unit))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Load_Cancelled_EndsAsCancelled()
    {
        Write(("w", NaiveSafetensors.Floats("F32", 1)));
        using var unit = Stores.Unit(StorePrecision.Fp32, ("w", [1]));
        using var checkpoint = WeightFiles.Open(_folder.Path);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(
            () => StoreLoader.LoadAsync(checkpoint, [unit], cancellationToken: new CancellationToken(canceled: true)));
    }

    private void Write(params (string Name, NaiveSafetensors.Tensor Tensor)[] tensors) =>
        _folder.Write("model.safetensors", NaiveSafetensors.Build(tensors));

    private async Task<LoadResult> LoadAsync(UnitState unit, LoadOptions? options = null)
    {
        using var checkpoint = WeightFiles.Open(_folder.Path);
        return await StoreLoader.LoadAsync(checkpoint, [unit], options);
    }

    private sealed class Collected : IProgress<LoadProgress>
    {
        public List<LoadProgress> Reports { get; } = [];

        public void Report(LoadProgress value) => Reports.Add(value);
    }
}

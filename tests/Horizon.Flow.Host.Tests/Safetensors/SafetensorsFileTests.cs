using Horizon.Flow.Host.Memory;
using Horizon.Flow.Host.Numerics;
using Horizon.Flow.Host.Safetensors;
using Horizon.Flow.Host.Store;
using Horizon.Flow.Tests.Shared;

namespace Horizon.Flow.Host.Tests;

public sealed class SafetensorsFileTests : IDisposable
{
    private readonly TestFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("model.safetensors")]
    [InlineData("io.safetensors")]
    public async Task Open_ReferenceFile_AgreesWithNaiveParser(string name)
    {
        var expected = NaiveSafetensors.Read(TestFolder.Reference(name));
        using var file = SafetensorsFile.Open(TestFolder.Reference(name));

        Assert.Equal(expected.Keys.Order(), file.Tensors.Keys.Order());
        foreach (var (tensorName, tensor) in expected)
        {
            Assert.Equal(tensor.Type, file.Tensors[tensorName].Type.ToString());
            Assert.Equal(tensor.Shape, file.Tensors[tensorName].Shape);
            using var buffer = new HostBuffer(tensor.Bytes.Length);
            await file.ReadAsync(tensorName, new RawDestination(buffer));
            Assert.True(buffer.Span<byte>(0, tensor.Bytes.Length).SequenceEqual(tensor.Bytes));
        }
    }

    [Fact]
    public void Open_Metadata_IsKept()
    {
        using var file = SafetensorsFile.Open(TestFolder.Reference("model.safetensors"));
        Assert.Equal("pt", file.Metadata["format"]);
    }

    [Theory]
    [InlineData("F16")]
    [InlineData("BF16")]
    public async Task ReadFloats_EveryPattern_EqualsReference(string type)
    {
        byte[] bytes = [.. Enumerable.Range(0, 65536).SelectMany(pattern => BitConverter.GetBytes((ushort)pattern))];
        var tensor = new NaiveSafetensors.Tensor(type, [65536], bytes);
        using var file = SafetensorsFile.Open(_folder.Write("x.safetensors", NaiveSafetensors.Build(("x", tensor))));
        var actual = new float[65536];
        await file.ReadFloatsAsync("x", actual);

        var expected = tensor.Floats();
        for (var i = 0; i < expected.Length; i++)
        {
            var same = float.IsNaN(expected[i])
                ? float.IsNaN(actual[i])
                : BitConverter.SingleToInt32Bits(expected[i]) == BitConverter.SingleToInt32Bits(actual[i]);
            Assert.True(same, $"pattern {i:x4}: {expected[i]} but {actual[i]}");
        }
    }

    [Cases(50)]
    public void ReadFloats_AnyValues_EqualsReference(double[] values)
    {
        var wide = new NaiveSafetensors.Tensor("F64", [values.Length], [.. values.SelectMany(BitConverter.GetBytes)]);
        var single = NaiveSafetensors.Floats("F32", [.. values.Select(value => (float)value)]);
        using var file = SafetensorsFile.Open(_folder.Write("x.safetensors", NaiveSafetensors.Build(("wide", wide), ("single", single))));
        foreach (var (name, tensor) in new[] { ("wide", wide), ("single", single) })
        {
            var actual = new float[values.Length];
            file.ReadFloatsAsync(name, actual).AsTask().GetAwaiter().GetResult();
            Assert.Equal(tensor.Floats(), actual);
        }
    }

    [Theory]
    [InlineData(StorePrecision.Fp32)]
    [InlineData(StorePrecision.Bf16)]
    public async Task ReadFloats_IntoSlot_KeepsExactMasters(StorePrecision precision)
    {
        // Longer than the pipe, odd, and behind a tensor that leaves it unaligned.
        const int Count = (6 << 20) / 4 + 13;
        var random = new Random(1);
        var values = Enumerable.Range(0, Count).Select(_ => (random.NextSingle() - 0.5f) * MathF.Pow(2, random.Next(-140, 120))).ToArray();
        var odd = new NaiveSafetensors.Tensor("U8", [3], [1, 2, 3]);
        var contents = NaiveSafetensors.Build(("odd", odd), ("x", NaiveSafetensors.Floats("F32", values)));
        using var file = SafetensorsFile.Open(_folder.Write("x.safetensors", contents));
        using var unit = Stores.Unit(precision, ("before", [5]), ("x", [Count]), ("after", [3]));

        await file.ReadFloatsAsync("x", unit, unit.Layout.Parameters[1]);

        Assert.Equal(new float[5], Stores.Masters(unit, unit.Layout.Parameters[0]));
        Assert.Equal(values, Stores.Masters(unit, unit.Layout.Parameters[1]));
        Assert.Equal(new float[3], Stores.Masters(unit, unit.Layout.Parameters[2]));
        if (precision == StorePrecision.Bf16)
            Assert.Equal(values.Select(value => ExactMaster.Split(value).Weight), unit.Weights.Span<ushort>(5, Count).ToArray());
    }

    [Theory]
    [InlineData("F64", float.NaN)]
    [InlineData("F32", float.NegativeInfinity)]
    [InlineData("F16", float.PositiveInfinity)]
    [InlineData("BF16", float.NaN)]
    public async Task ReadFloats_NotFinite_IsRefusedByName(string type, float bad)
    {
        var values = new float[5000];
        values[4711] = bad;
        var tensor = NaiveSafetensors.Floats(type, values);
        using var file = SafetensorsFile.Open(_folder.Write("x.safetensors", NaiveSafetensors.Build(("layer.weight", tensor))));
        foreach (var precision in Enum.GetValues<StorePrecision>())
        {
            using var unit = Stores.Unit(precision, ("x", [5000]));
            var error = await Assert.ThrowsAsync<HorizonException>(
                () => file.ReadFloatsAsync("layer.weight", unit, unit.Layout.Parameters[0]).AsTask());
            Assert.Contains("layer.weight", error.Message, StringComparison.Ordinal);
            Assert.Contains("element 4711", error.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task ReadFloats_TooLargeForBf16_IsRefusedThereOnly()
    {
        var tensor = NaiveSafetensors.Floats("F32", 1, float.MaxValue);
        using var file = SafetensorsFile.Open(_folder.Write("x.safetensors", NaiveSafetensors.Build(("x", tensor))));
        using var wide = Stores.Unit(StorePrecision.Fp32, ("x", [2]));
        using var narrow = Stores.Unit(StorePrecision.Bf16, ("x", [2]));

        await file.ReadFloatsAsync("x", wide, wide.Layout.Parameters[0]);
        var error = await Assert.ThrowsAsync<HorizonException>(() => file.ReadFloatsAsync("x", narrow, narrow.Layout.Parameters[0]).AsTask());
        Assert.Contains("training.precision", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task ReadFloats_OfIntegersOrUnknownNameOrOtherCount_IsRefused()
    {
        using var file = SafetensorsFile.Open(TestFolder.Reference("io.safetensors"));
        foreach (var name in new[] { "input_ids", "nothing", "logits" })
        {
            var error = await Assert.ThrowsAsync<HorizonException>(() => file.ReadFloatsAsync(name, new float[7]).AsTask());
            Assert.Contains(name, error.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Read_FileCutAfterOpening_IsRefused()
    {
        var path = _folder.Write("x.safetensors", NaiveSafetensors.Build(("x", NaiveSafetensors.Floats("F32", new float[1000]))));
        using var file = SafetensorsFile.Open(path);
        using (var cut = new FileStream(path, FileMode.Open, FileAccess.Write, FileShare.ReadWrite)) cut.SetLength(cut.Length - 1);

        var error = await Assert.ThrowsAsync<HorizonException>(() => file.ReadFloatsAsync("x", new float[1000]).AsTask());
        Assert.Contains("ends within tensor x", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Read_Cancelled_EndsAsCancelled()
    {
        using var file = SafetensorsFile.Open(TestFolder.Reference("io.safetensors"));
        using var source = new CancellationTokenSource();
        await source.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(
            () => file.ReadFloatsAsync("logits", new float[file.Tensors["logits"].Count], source.Token).AsTask());
    }

    [Fact]
    public async Task Read_DestinationFails_ItsErrorComesOut()
    {
        var tensor = NaiveSafetensors.Floats("F32", new float[4_000_000]);
        using var file = SafetensorsFile.Open(_folder.Write("x.safetensors", NaiveSafetensors.Build(("x", tensor))));
        await Assert.ThrowsAsync<DataMisalignedException>(() => file.ReadAsync("x", new FailingDestination()));
    }

    private sealed class FailingDestination : ITensorDestination
    {
        public void Begin(TensorInfo tensor)
        {
        }

        public void Write(TensorInfo tensor, long byteOffset, ReadOnlySpan<byte> bytes) => throw new DataMisalignedException();
    }
}

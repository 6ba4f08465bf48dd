using System.IO.Pipelines;
using Horizon.Flow.Host.Memory;
using Horizon.Flow.Host.Safetensors;
using Horizon.Flow.Host.Store;
using Horizon.Flow.Tests.Shared;

namespace Horizon.Flow.Host.Tests;

public sealed class SafetensorsWriterTests
{
    [Theory]
    [InlineData("model.safetensors", true)]
    [InlineData("io.safetensors", false)]
    public async Task Write_WhatTheReferenceWrote_GivesItsBytes(string name, bool metadata)
    {
        var parts = NaiveSafetensors.Read(TestFolder.Reference(name)).Reverse().Select(entry => Part(entry.Key, entry.Value));
        var expected = await File.ReadAllBytesAsync(TestFolder.Reference(name));
        var format = metadata ? new Dictionary<string, string> { ["format"] = "pt" } : null;
        Assert.Equal(expected, await WriteAsync(SafetensorsWriter.InStandardOrder(parts), format));
    }

    [Cases(100)]
    public void Write_AnyTensors_ReadBackBitForBit(byte[] seeds, int seed)
    {
        var random = new Random(seed);
        SafetensorsType[] types = [.. Enum.GetValues<SafetensorsType>().Where(type => type.BitSize() % 8 == 0)];
        (string Name, NaiveSafetensors.Tensor Tensor)[] tensors = [.. seeds.Select((b, i) =>
        {
            long[] shape = [.. Enumerable.Range(0, b % 4).Select(_ => (long)random.Next(0, 7))];
            var type = types[b % types.Length];
            var bytes = new byte[shape.Aggregate(1L, (product, extent) => product * extent) * type.BitSize() / 8];
            random.NextBytes(bytes);
            return ($"tensor \"{i}\" é\\ \u0001", new NaiveSafetensors.Tensor(type.ToString(), shape, bytes));
        })];

        using var folder = new TestFolder();
        TensorPart[] parts = [.. tensors.Select(tensor => Part(tensor.Name, tensor.Tensor))];
        var written = WriteAsync(parts, null).GetAwaiter().GetResult();
        Assert.Equal(SafetensorsWriter.FileLength(parts), written.Length);
        var path = folder.Write("x.safetensors", written);
        using var file = SafetensorsFile.Open(path);
        var naive = NaiveSafetensors.Read(path);
        foreach (var (name, tensor) in tensors)
        {
            using var buffer = new HostBuffer(tensor.Bytes.Length);
            file.ReadAsync(name, new RawDestination(buffer)).GetAwaiter().GetResult();
            Assert.Equal(tensor.Bytes, buffer.Span<byte>(0, tensor.Bytes.Length).ToArray());
            Assert.Equal(tensor.Type, naive[name].Type);
            Assert.Equal(tensor.Bytes, naive[name].Bytes);
            Assert.Equal(tensor.Shape, naive[name].Shape);
        }
    }

    [Fact]
    public async Task Write_ABufferOrUnitOfManyPieces_IsWhole()
    {
        const int Count = 700_001;
        using var unit = Stores.Fill(Stores.Unit(StorePrecision.Bf16, ("before", [3]), ("x", [Count])), seed: 5);
        var slot = unit.Layout.Parameters[1];
        var written = await WriteAsync(
            [
                TensorPart.FromSlot(unit, slot, ElementType.Float32) with { Name = "master" },
                TensorPart.FromSlot(unit, slot),
                TensorPart.FromBuffer("difference", ElementType.Int16, [Count], unit.Difference!, 6),
            ],
            null);

        using var folder = new TestFolder();
        var tensors = NaiveSafetensors.Read(folder.Write("x.safetensors", written));
        Assert.Equal(
            Stores.Masters(unit, slot).Select(BitConverter.SingleToInt32Bits),
            tensors["master"].Floats().Select(BitConverter.SingleToInt32Bits));
        Assert.Equal(unit.Weights.Span<byte>(6, Count * 2).ToArray(), tensors["x"].Bytes);
        Assert.Equal(unit.Difference!.Span<byte>(6, Count * 2).ToArray(), tensors["difference"].Bytes);
    }

    [Theory]
    [InlineData("x", "x")]
    [InlineData("x", "__metadata__")]
    public async Task Write_NameTwice_IsRefused(string first, string second)
    {
        var scalar = NaiveSafetensors.Floats("F32", 1);
        await Assert.ThrowsAsync<ArgumentException>(() => WriteAsync([Part(first, scalar), Part(second, scalar)], null));
    }

    private static TensorPart Part(string name, NaiveSafetensors.Tensor tensor) => new(
        name,
        Enum.Parse<SafetensorsType>(tensor.Type),
        tensor.Shape,
        (offset, bytes) => tensor.Bytes.AsSpan((int)offset, bytes.Length).CopyTo(bytes));

    private static async Task<byte[]> WriteAsync(IReadOnlyList<TensorPart> parts, Dictionary<string, string>? metadata)
    {
        using var memory = new MemoryStream();
        var writer = PipeWriter.Create(memory, new StreamPipeWriterOptions(leaveOpen: true));
        await SafetensorsWriter.WriteAsync(writer, parts, metadata);
        await writer.CompleteAsync();
        return memory.ToArray();
    }
}

using System.IO.Pipelines;
using System.Runtime.InteropServices;
using Horizon.Flow.Host.Safetensors;
using Horizon.Flow.Models;

namespace Horizon.Flow.Bench;

/// <summary>Random weights in a folder that has a <c>config.json</c>, for what is trained beside weights that stay.</summary>
internal static class PlanWeights
{
    // Of a number in bf16: between 2^-7 and 2^-6, of either sign.
    private const ushort Least = 0x3C00;
    private const ushort Varied = 0x807F;

    public static async Task WriteAsync(string folder)
    {
        var random = new Random(2);
        var model = ModelFamilies.Define(ModelFolder.ReadConfig(folder));
        void Fill(long offset, Span<byte> bytes)
        {
            random.NextBytes(bytes);
            foreach (ref var number in MemoryMarshal.Cast<byte, ushort>(bytes)) number = (ushort)((number & Varied) | Least);
        }

        var parts = TensorPart.Whole(model.Units.SelectMany(unit => unit.Parameters).Select(slot => (slot, new TensorPart(slot.TensorName, SafetensorsType.BF16, slot.Shape, Fill))));
        var file = File.Create(Path.Combine(folder, "model.safetensors"));
        await using (file.ConfigureAwait(false))
        {
            var writer = PipeWriter.Create(file);
            await SafetensorsWriter.WriteAsync(writer, parts).ConfigureAwait(false);
            await writer.CompleteAsync().ConfigureAwait(false);
        }
    }
}

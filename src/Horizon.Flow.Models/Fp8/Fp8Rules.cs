using Horizon.Flow.Units;

namespace Horizon.Flow.Models.Fp8;

/// <summary>What must hold of a layer whose products are in fp8.</summary>
internal static class Fp8Rules
{
    /// <summary>Refuses widths that are no whole number of what tensor cores take at a time, and adapters.</summary>
    /// <exception cref="HorizonException">The first rule that is broken.</exception>
    public static void Check(ModelConfig config, Fp8Options options)
    {
        if (config.Adapter is not null) throw new HorizonException($"adapters are not trained on products in fp8; train this {config.Architecture} in bf16, or all of its parameters");
        var multiple = Fp8Matrix.Padding(options.Scaling);
        (string Name, int Width)[] widths =
        [
            ("hidden size", config.HiddenSize), ("intermediate size", config.IntermediateSize), ("width of all query heads", config.HeadCount * config.HeadDimension),
            ("width of all heads", (config.HeadCount + (2 * config.KeyValueHeadCount)) * config.HeadDimension),
        ];
        foreach (var (name, width) in widths)
        {
            if (width % multiple != 0)
                throw new HorizonException($"this {config.Architecture} has no products in fp8: its {name} of {width} is not a multiple of {multiple}{(multiple == 16 ? "" : ", a block that shares a scale")}; train it in bf16{(multiple == 16 || width % 16 != 0 ? "" : ", or with scales by tensor or row")}");
        }
    }

    /// <summary>Refuses rows that are cut into pieces.</summary>
    /// <exception cref="HorizonException">They are.</exception>
    public static void Check(DeviceBatch batch)
    {
        if (batch.PieceTokens < batch.BatchSize * batch.SequenceLength)
            throw new HorizonException($"rows of {batch.SequenceLength:N0} tokens are computed in pieces, and products in fp8 are not: take rows of {TokenPieces.LongestUncutRow:N0} at most, or train in bf16");
    }
}

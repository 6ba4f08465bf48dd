using Horizon.Flow.Host.Store;
using Horizon.Flow.Host.Workers;

namespace Horizon.Flow.Host.Optimizers;

/// <summary>The pieces of a unit whose state is quantized in blocks.</summary>
/// <param name="Pieces">Each starts at a block's border.</param>
/// <param name="FirstBlocks">The index of each parameter's first block.</param>
internal sealed record QuantizedPieces(ParameterPiece[] Pieces, long[] FirstBlocks)
{
    /// <summary>Elements that share a scale; divides <see cref="HostWorkers.ChunkElements"/>.</summary>
    public const int BlockElements = 256;

    /// <summary>Blocks of a whole unit; each parameter's last one may be shorter.</summary>
    public static long CountBlocks(UnitLayout layout) => layout.Parameters.Sum(parameter => Blocks(parameter));

    /// <summary>Cuts a unit.</summary>
    public static QuantizedPieces Cut(UnitLayout layout, OptimizerOptions options)
    {
        var firstBlocks = new long[layout.Parameters.Count];
        for (var slot = 1; slot < firstBlocks.Length; slot++) firstBlocks[slot] = firstBlocks[slot - 1] + Blocks(layout.Parameters[slot - 1]);
        return new(ParameterPiece.Cut(layout, options), firstBlocks);
    }

    private static long Blocks(ParameterSlot parameter) => (parameter.Count + BlockElements - 1) / BlockElements;
}

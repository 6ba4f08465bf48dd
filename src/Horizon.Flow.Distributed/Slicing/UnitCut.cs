using Horizon.Flow.Host.Store;

namespace Horizon.Flow.Distributed;

/// <summary>How ranks share a unit: what is fixed of it, and what is trained, so that each rank has its share of both.</summary>
/// <param name="Whole">The unit.</param>
/// <param name="Fixed">The fixed parameters in front; null where there are none.</param>
/// <param name="Trained">What is trained, behind it in each slice; null where all is fixed.</param>
public sealed record UnitCut(UnitLayout Whole, SharedStretch? Fixed, SharedStretch? Trained)
{
    /// <summary>Both, as far as there are.</summary>
    public IEnumerable<SharedStretch> Stretches => new[] { Fixed, Trained }.OfType<SharedStretch>();

    /// <summary>How the unit's gradient is shared, which is of what is trained alone; null where nothing is.</summary>
    public SharedStretch? Gradient => Trained is null ? null : Trained with
    {
        First = 0, Firsts = [.. Trained.Firsts.Select(first => first - Trained.First)], Places = [.. Trained.Places.Select(_ => 0L)],
    };

    /// <summary>What a rank has of the whole unit, in the order of its slice.</summary>
    public IReadOnlyList<UnitPiece> PiecesOf(int rank) => [.. Stretches.Select(stretch => new UnitPiece(stretch.Firsts[rank], stretch.Counts[rank], stretch.Places[rank]))];

    /// <summary>A rank's slice as a layout: the pieces of the unit's parameters that lie in it, by their names.</summary>
    public UnitLayout SliceOf(int rank)
    {
        var pieces = PiecesOf(rank);
        var parts = Whole.Parameters.SelectMany(slot => pieces.Select(piece => (Slot: slot, piece.Within(slot.Offset, slot.Count).Count))).Where(part => part.Count > 0).ToList();
        return new UnitLayout(
            Whole.Name, $"{Whole.Kind}, slice {rank} of {Stretches.First().Counts.Count}",
            parts.Select(part => (part.Slot.Role, part.Slot.TensorName, part.Count == part.Slot.Count ? part.Slot.Shape.ToArray() : [part.Count])),
            parts.Where(part => part.Slot.IsFixed).Select(part => part.Slot.Role).ToHashSet());
    }
}

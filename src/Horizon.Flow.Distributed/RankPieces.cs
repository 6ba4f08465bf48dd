using System.Runtime.InteropServices;
using Horizon.Flow.Host.Memory;
using Horizon.Flow.Host.Store;

namespace Horizon.Flow.Distributed;

/// <summary>What a rank has of the elements of a whole unit.</summary>
/// <param name="plan">The rank's plan.</param>
/// <param name="store">Its slices.</param>
/// <param name="collectives">Its side.</param>
/// <param name="masters">Whether fp32 masters are meant, not the weights as the device reads them.</param>
internal sealed class RankPieces(TrainingPlan plan, ParameterStore store, ICollectives collectives, bool masters)
{
    private readonly UnitSlices _slices = new(plan, collectives);

    /// <summary>The type of what <see cref="Of"/> gives.</summary>
    public ElementType Type => masters ? ElementType.Float32 : store.WeightType;

    /// <summary>The ranks in the order in which they have a parameter's elements.</summary>
    public IReadOnlyList<int> OrderOf(int unit, ParameterSlot slot) =>
        _slices.CutOf(plan.Model.Units[unit]).Stretches.Single(stretch => slot.Offset >= stretch.First && slot.Offset < stretch.First + stretch.Count).Order;

    /// <summary>Which of some elements of a unit this rank has, as bytes; neighbours, since they lie in one parameter.</summary>
    public byte[] Of(int unit, long first, long count)
    {
        var held = _slices.PiecesOf(plan.Model.Units[unit]).Select(piece => piece.Within(first, count)).FirstOrDefault(piece => piece.Count > 0);
        if (held.Count == 0) return [];
        var state = store.Units[unit];
        if (!masters) return state.Weights.Span<byte>(held.Place * Type.ByteSize(), checked((int)(held.Count * Type.ByteSize()))).ToArray();
        var values = new float[held.Count];
        state.ReadMasters(held.Place, values);
        return MemoryMarshal.AsBytes<float>(values).ToArray();
    }
}

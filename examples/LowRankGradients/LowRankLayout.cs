using Horizon.Flow.Host.Store;

namespace Horizon.Examples;

/// <summary>How the projections and the small gradient of one unit lie in memory.</summary>
public sealed class LowRankLayout
{
    private readonly Dictionary<string, ParameterSlot> _projections;

    /// <summary>Lays them out.</summary>
    /// <param name="unit">The unit.</param>
    /// <param name="rank">Of the projected gradients.</param>
    /// <param name="isProjected">Which matrices are wanted so; a side that is no longer than the rank leaves nothing to project.</param>
    public LowRankLayout(UnitLayout unit, int rank, Func<ParameterSlot, bool> isProjected)
    {
        ArgumentNullException.ThrowIfNull(unit);
        ArgumentNullException.ThrowIfNull(isProjected);
        var projected = unit.Parameters.Where(slot => slot.Shape.Count == 2 && slot.Shape.Min() > rank && isProjected(slot)).Select(slot => slot.Role).ToHashSet();
        Projections = new UnitLayout($"projections of {unit.Name}", $"projections of {unit.Kind}", unit.Parameters
            .Where(slot => projected.Contains(slot.Role)).Select(slot => (slot.Role, slot.TensorName, new[] { slot.Shape.Min(), rank })));
        Gradient = new UnitLayout($"small gradient of {unit.Name}", $"small gradient of {unit.Kind}", unit.Parameters.Select(slot => (slot.Role, slot.TensorName,
            !projected.Contains(slot.Role) ? [.. slot.Shape] : IsWide(slot.Shape) ? [rank, slot.Shape[1]] : new[] { slot.Shape[0], rank })));
        _projections = Projections.Parameters.ToDictionary(slot => slot.Role);
    }

    /// <summary>P of each projected matrix, [the shorter side, rank].</summary>
    public UnitLayout Projections { get; }

    /// <summary>Every parameter's gradient as it goes down: [rank, columns] of a wide matrix, [rows, rank] of a tall one.</summary>
    public UnitLayout Gradient { get; }

    /// <summary>Whether the gradient is projected from the left.</summary>
    public static bool IsWide(IReadOnlyList<long> shape) => (shape ?? throw new ArgumentNullException(nameof(shape)))[0] <= shape[1];

    /// <summary>A parameter's projection; null where it is not projected.</summary>
    public ParameterSlot? ProjectionOf(ParameterSlot slot) => _projections.GetValueOrDefault((slot ?? throw new ArgumentNullException(nameof(slot))).Role);
}

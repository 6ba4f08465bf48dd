using Horizon.Flow.Host.Store;

namespace Horizon.Examples;

/// <summary>How the adapters of one unit lie in memory and what PEFT calls them.</summary>
public static class AdapterLayout
{
    /// <summary>What follows a matrix's role in that of its A, [rank, columns].</summary>
    public const string A = ".lora_A";

    /// <summary>What follows a matrix's role in that of its B, [rows, rank].</summary>
    public const string B = ".lora_B";

    /// <summary>A and B of each matrix, one after another.</summary>
    public static UnitLayout Of(UnitLayout unit, int rank, IReadOnlyList<string> roles)
    {
        ArgumentNullException.ThrowIfNull(unit);
        return new UnitLayout($"adapters of {unit.Name}", $"adapters of {unit.Kind}", unit.Parameters.Where(slot => roles.Contains(slot.Role)).SelectMany(slot => new[]
        {
            (slot.Role + A, PeftName(slot, A), new[] { rank, slot.Shape[1] }),
            (slot.Role + B, PeftName(slot, B), new[] { slot.Shape[0], rank }),
        }));
    }

    private static string PeftName(ParameterSlot slot, string part) =>
        $"base_model.model.{slot.TensorName[..^".weight".Length]}{part}.weight";
}

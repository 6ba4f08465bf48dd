using Horizon.Flow.Host.Store;
using Horizon.Flow.Models.Common;

namespace Horizon.Flow.Models.Adapters;

/// <summary>
/// How adapters lie in a layer's unit: behind all parameters of the base, which are fixed, first every A, then every B, each in the order of the matrices.
/// So whatever is one product over neighbouring matrices has neighbouring A's. Their names are PEFT's.
/// </summary>
public static class AdapterLayout
{
    private const string Weight = ".weight";
    private const string A = ".lora_A" + Weight;
    private const string B = ".lora_B" + Weight;

    // Not products of the shared kind: what chooses among experts is no projection, and PEFT's all-linear leaves it out as well.
    private static readonly HashSet<string> Routers = [Roles.Router, Roles.SharedOpening];

    /// <summary>The role of a matrix's A, [rank, in].</summary>
    /// <param name="role">Of the matrix.</param>
    public static string RoleOfA(string role) => Stem(role) + A;

    /// <summary>The role of a matrix's B, [out, rank].</summary>
    /// <param name="role">Of the matrix.</param>
    public static string RoleOfB(string role) => Stem(role) + B;

    /// <summary>Whether a parameter is an adapter's A or B.</summary>
    /// <param name="slot">The parameter.</param>
    public static bool IsAdapter(ParameterSlot slot)
    {
        ArgumentNullException.ThrowIfNull(slot);
        return IsA(slot) || IsB(slot);
    }

    /// <summary>Whether a parameter is an adapter's A.</summary>
    internal static bool IsA(ParameterSlot slot) => slot.Role.EndsWith(A, StringComparison.Ordinal);

    /// <summary>Whether a parameter is an adapter's B.</summary>
    internal static bool IsB(ParameterSlot slot) => slot.Role.EndsWith(B, StringComparison.Ordinal);

    /// <summary>What adapters add to a template's numbers between products: its input is read and its output summed three times more, of the 8.25 that stand for one there; fitted to a step on an H100 (docs/benchmarks/2026-11-26-plan.md).</summary>
    /// <param name="unit">A layer's layout, with adapters or without.</param>
    internal static double NumbersBetween(UnitLayout unit) => 3 / 8.25 * unit.Parameters.Sum(slot => IsA(slot) ? slot.Shape[1] : IsB(slot) ? slot.Shape[0] : 0);

    /// <summary>The units of a model with adapters in its layers and everything else fixed.</summary>
    /// <param name="units">The model's own.</param>
    /// <param name="adapter">Null leaves the units as they are.</param>
    /// <param name="transposed">Matrices are stored [in, out].</param>
    /// <exception cref="HorizonException">A target is the name of no matrix that can have an adapter.</exception>
    internal static IReadOnlyList<UnitLayout> Extend(IReadOnlyList<UnitLayout> units, AdapterConfig? adapter, bool transposed = false)
    {
        if (adapter is null) return units;
        Check(units, adapter);
        return [.. units.Select(unit => Extend(unit, adapter, transposed))];
    }

    private static UnitLayout Extend(UnitLayout unit, AdapterConfig adapter, bool transposed)
    {
        var chosen = Matrices(unit).Where(slot => adapter.Matches(Module(slot))).ToList();
        long Width(ParameterSlot slot, bool ofOutput) => slot.Shape[ofOutput != transposed ? 0 : 1];
        return new UnitLayout(
            unit.Name,
            unit.Kind,
            [
                .. unit.Parameters.Select(slot => (slot.Role, slot.TensorName, slot.Shape.ToArray())),
                .. chosen.Select(slot => (RoleOfA(slot.Role), Named(slot, A), new[] { adapter.Rank, Width(slot, ofOutput: false) })),
                .. chosen.Select(slot => (RoleOfB(slot.Role), Named(slot, B), new[] { Width(slot, ofOutput: true), adapter.Rank })),
            ],
            unit.Parameters.Select(slot => slot.Role).ToHashSet(),
            unit.Parameters.Where(slot => slot.Rows is not null).ToDictionary(slot => slot.Role, slot => slot.Rows!.Value));
    }

    // The matrices of a decoder layer; embedding and head have none here.
    private static IEnumerable<ParameterSlot> Matrices(UnitLayout unit) =>
        unit.Parameters.Any(slot => slot.Role is Roles.Embedding or Roles.Head) ? []
        : unit.Parameters.Where(slot => slot.Shape.Count == 2 && slot.Role.EndsWith(Weight, StringComparison.Ordinal) && !Routers.Contains(slot.Role));

    private static void Check(IReadOnlyList<UnitLayout> units, AdapterConfig adapter)
    {
        if (adapter.Targets.Count == 0) throw new HorizonException("an adapter needs targets; name matrices such as q_proj, or all-linear");
        var modules = units.SelectMany(Matrices).Select(Module).ToList();
        if (adapter.Targets.FirstOrDefault(target => target != AdapterConfig.AllLinear && !modules.Any(module => AdapterConfig.IsNamed(module, target))) is not { } unknown) return;
        var known = modules.Select(module => module[(module.LastIndexOf('.') + 1)..]).Distinct();
        throw new HorizonException($"'{unknown}' is no matrix of the decoder layers that can have an adapter; there are {string.Join(", ", known)}, and {AdapterConfig.AllLinear} for all of them");
    }

    private static string Named(ParameterSlot slot, string part) => $"base_model.model.{Module(slot)}{part}";

    private static string Module(ParameterSlot slot) => Stem(slot.TensorName);

    private static string Stem(string name) => name.EndsWith(Weight, StringComparison.Ordinal) ? name[..^Weight.Length] : name;
}

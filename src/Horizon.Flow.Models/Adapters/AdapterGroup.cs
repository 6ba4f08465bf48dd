using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using Horizon.Flow.Host.Store;

namespace Horizon.Flow.Models.Adapters;

/// <summary>The adapters of neighbouring matrices that are one product: where each one's output begins, and how wide it is.</summary>
internal sealed class AdapterGroup
{
    private static readonly ConditionalWeakTable<UnitLayout, ConcurrentDictionary<(string First, string Last), AdapterGroup>> _groups = [];

    private AdapterGroup(IReadOnlyList<(string Role, long First, long Width)> parts) => Parts = parts;

    /// <summary>Each matrix that has an adapter: its role, and its columns of the product.</summary>
    public IReadOnlyList<(string Role, long First, long Width)> Parts { get; }

    /// <summary>The roles of the first and last A, which are neighbours.</summary>
    public (string First, string Last) A => (AdapterLayout.RoleOfA(Parts[0].Role), AdapterLayout.RoleOfA(Parts[^1].Role));

    /// <summary>Those of the matrices from one role to another; found once for each layout.</summary>
    public static AdapterGroup Of(UnitLayout layout, string first, string last) =>
        _groups.GetValue(layout, _ => []).GetOrAdd((first, last), static (roles, layout) => Make(layout, roles.First, roles.Last), layout);

    private static AdapterGroup Make(UnitLayout layout, string first, string last)
    {
        var widths = layout.Parameters.Where(AdapterLayout.IsB).ToDictionary(slot => slot.Role, slot => slot.Shape[0]);
        var parts = new List<(string, long, long)>();
        var start = 0L;
        foreach (var slot in layout.Parameters.SkipWhile(slot => slot.Role != first))
        {
            if (widths.TryGetValue(AdapterLayout.RoleOfB(slot.Role), out var width)) parts.Add((slot.Role, start, width));
            start += slot.Shape[0]; // matrices that are stored [in, out] do not stack
            if (slot.Role == last) break;
        }

        return new AdapterGroup(parts);
    }
}

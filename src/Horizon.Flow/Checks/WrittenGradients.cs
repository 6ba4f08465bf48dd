using Horizon.Flow.Units;
using static TorchSharp.torch;

namespace Horizon.Flow.Checks;

/// <summary>
/// Holds templates to their word that every element of a unit's gradient is written: a buffer that is left as it was holds the gradient of
/// another unit, and would train this one with it in silence. Looks at the first visit of each unit; belongs to the compute lane.
/// </summary>
public sealed class WrittenGradients
{
    // Finite in bf16 too, and beyond what a gradient is.
    private static readonly float _mark = BitConverter.UInt32BitsToSingle(0x7F7E_0000);

    private readonly HashSet<string> _seen = [];

    /// <summary>Marks both ends of every parameter's gradient, at the unit's first visit.</summary>
    /// <param name="unit">The unit's name.</param>
    /// <param name="gradients">The buffer that the template is to fill; null for a frozen unit.</param>
    /// <returns>Whether <see cref="Require"/> must look.</returns>
    public bool Mark(string unit, ParameterViews? gradients)
    {
        if (gradients is null || !_seen.Add(unit)) return false;
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        foreach (var (_, place) in Ends(gradients)) gradients.Flat.narrow(0, place, 1).FillInPlace(_mark);
        return true;
    }

    /// <summary>Refuses a template that left a mark where it was. Waits for the device.</summary>
    /// <exception cref="HorizonException">Names the template, the unit and the parameter.</exception>
    public static void Require(string unit, ParameterViews gradients, object template)
    {
        ArgumentNullException.ThrowIfNull(gradients);
        ArgumentNullException.ThrowIfNull(template);
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var ends = Ends(gradients).ToList();
        using var places = tensor(ends.Select(end => end.Place).ToArray(), device: gradients.Flat.device);
        using var values = gradients.Flat.index_select(0, places).to(ScalarType.Float32).cpu();
        using var data = values.data<float>();
        var left = data.ToArray().AsSpan().IndexOf(_mark);
        if (left >= 0)
            throw new HorizonException($"{template.GetType().Name} wrote no gradient of '{ends[left].Role}' of unit '{unit}'; every element must be written, zeros for a parameter that is not used");
    }

    private static IEnumerable<(string Role, long Place)> Ends(ParameterViews gradients) => gradients.Layout.Parameters
        .Where(slot => slot.Count > 0)
        .SelectMany(slot => new[] { (slot.Role, slot.Offset), (slot.Role, slot.Offset + slot.Count - 1) });
}

using Horizon.Flow.Host;
using static TorchSharp.torch;

namespace Horizon.Flow;

/// <summary>
/// A unit's parameters (or their gradients) as tensors that are views into one flat device buffer. Binding a unit to its template
/// is nothing but the use of these views: they are made once for a buffer and a kind of unit. Owns the views, not the buffer.
/// </summary>
public sealed class ParameterViews : IDisposable
{
    private readonly Dictionary<string, Tensor> _views = [];
    private readonly Dictionary<(string First, string Last), Tensor> _fused = [];
    private readonly Tensor _flat;

    /// <summary>Makes the views.</summary>
    /// <param name="flat">[at least ElementCount] the device buffer, fp32 or bf16; owned by the caller.</param>
    /// <param name="layout">Roles, shapes and offsets.</param>
    public ParameterViews(Tensor flat, UnitLayout layout)
    {
        ArgumentNullException.ThrowIfNull(flat);
        ArgumentNullException.ThrowIfNull(layout);
        Layout = layout;
        _flat = flat;
        using var noGrad = no_grad();
        foreach (var slot in layout.Parameters)
            _views.Add(slot.Role, View(slot.Offset, slot.Count, [.. slot.Shape]));
        Flat = View(0, layout.ElementCount, [layout.ElementCount]);
    }

    /// <summary>The layout, of this unit or of another of its kind.</summary>
    public UnitLayout Layout { get; }

    /// <summary>[ElementCount]: the whole unit.</summary>
    public Tensor Flat { get; }

    /// <summary>The parameter of that role.</summary>
    /// <exception cref="KeyNotFoundException">The unit has no such role.</exception>
    public Tensor this[string role] => _views.TryGetValue(role, out var view)
        ? view
        : throw new KeyNotFoundException($"unit kind '{Layout.Kind}' has no parameter '{role}'; it has {string.Join(", ", _views.Keys)}");

    /// <summary>Whether the unit has such a parameter (a bias, say).</summary>
    public bool Contains(string role) => _views.ContainsKey(role);

    /// <summary>
    /// Neighbours in the flat buffer, from one role to another, as one tensor stacked along the first axis
    /// (q, k and v as one product). Their other axes must agree.
    /// </summary>
    public Tensor Stacked(string first, string last)
    {
        if (_fused.TryGetValue((first, last), out var fused)) return fused;
        var slots = Layout.Parameters.SkipWhile(slot => slot.Role != first).ToList();
        slots = [.. slots.Take(slots.FindIndex(slot => slot.Role == last) + 1)];
        if (slots.Count == 0 || slots.Any(slot => !slot.Shape.Skip(1).SequenceEqual(slots[0].Shape.Skip(1))))
            throw new ArgumentException($"unit kind '{Layout.Kind}' cannot stack '{first}' to '{last}': no such neighbours of equal width");
        using var noGrad = no_grad();
        fused = View(slots[0].Offset, slots.Sum(slot => slot.Count), [slots.Sum(slot => slot.Shape[0]), .. slots[0].Shape.Skip(1)]);
        return _fused[(first, last)] = fused;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var view in _views.Values) view.Dispose();
        foreach (var view in _fused.Values) view.Dispose();
        Flat.Dispose();
    }

    private Tensor View(long offset, long count, long[] shape)
    {
        using var narrowed = _flat.narrow(0, offset, count);
        return narrowed.view(shape).DetachFromDisposeScope();
    }
}

using Horizon.Flow.Host.Store;
using static TorchSharp.torch;

namespace Horizon.Flow.Units;

/// <summary>
/// A unit's parameters (or their gradients) as tensors that are views into one flat device buffer. Binding a unit to its template
/// is nothing but the use of these views: each is made once, on first use, for a buffer and a kind of unit. Owns the views, not
/// the buffer. Not thread-safe: it belongs to the compute lane.
/// </summary>
public sealed class ParameterViews : IDisposable
{
    private readonly Dictionary<(string First, string Last), Tensor> _views = [];
    private readonly Tensor _flat;
    private readonly bool _leaves;

    /// <summary>Makes the views.</summary>
    /// <param name="flat">[at least ElementCount] the device buffer, fp32 or bf16; owned by the caller.</param>
    /// <param name="layout">Roles, shapes and offsets.</param>
    public ParameterViews(Tensor flat, UnitLayout layout)
        : this(flat, layout, leaves: false)
    {
    }

    private ParameterViews(Tensor flat, UnitLayout layout, bool leaves)
    {
        ArgumentNullException.ThrowIfNull(flat);
        ArgumentNullException.ThrowIfNull(layout);
        if (flat.numel() < layout.ElementCount)
            throw new ArgumentException($"a buffer of {flat.numel()} elements cannot hold the {layout.ElementCount} of {layout}");
        Layout = layout;
        _flat = flat;
        _leaves = leaves;
        using var noGrad = no_grad();
        Flat = View(0, layout.ElementCount, [layout.ElementCount]);
    }

    /// <summary>The layout, of this unit or of another of its kind.</summary>
    public UnitLayout Layout { get; }

    /// <summary>[ElementCount]: the whole unit; never part of an autograd graph.</summary>
    public Tensor Flat { get; }

    /// <summary>The parameter of that role.</summary>
    /// <exception cref="KeyNotFoundException">The unit has no such role.</exception>
    public Tensor this[string role] => Stacked(role, role);

    /// <summary>Whether the unit has such a parameter (a bias, say).</summary>
    public bool Contains(string role) => Layout.Parameters.Any(slot => slot.Role == role);

    /// <summary>
    /// Neighbours in the flat buffer, from one role to another, as one tensor stacked along the first axis
    /// (q, k and v as one product). Their other axes must agree.
    /// </summary>
    /// <exception cref="KeyNotFoundException">The unit has no such role.</exception>
    /// <exception cref="ArgumentException">They are no such neighbours.</exception>
    public Tensor Stacked(string first, string last)
    {
        if (_views.TryGetValue((first, last), out var view)) return view;
        var slots = Slots(first, last);
        if (slots.Count == 0 || slots.Any(slot => !slot.Shape.Skip(1).SequenceEqual(slots[0].Shape.Skip(1))))
            throw new ArgumentException($"unit kind '{Layout.Kind}' cannot stack '{first}' to '{last}': no such neighbours of equal width");
        using var noGrad = no_grad();
        long[] shape = slots.Count == 1 ? [.. slots[0].Shape] : [slots.Sum(slot => slot.Shape[0]), .. slots[0].Shape.Skip(1)];
        view = View(slots[0].Offset, slots.Sum(slot => slot.Count), shape);
        if (_leaves && !slots.Any(slot => slot.IsFixed)) view.requires_grad_();
        return _views[(first, last)] = view;
    }

    /// <summary>
    /// The same parameters as leaves of a new autograd graph: every view made from it, single or stacked, requires a gradient, and
    /// <see cref="Used"/> lists them; not those of fixed parameters (<see cref="ParameterSlot.IsFixed"/>), whose gradient is zero. Owned by the caller.
    /// </summary>
    public ParameterViews AsLeaves() => new(_flat, Layout, leaves: true);

    /// <summary>The single and stacked views that were asked for so far; of leaves, those that require a gradient.</summary>
    public IReadOnlyCollection<(string First, string Last, Tensor View)> Used =>
        [.. _views.Where(entry => !_leaves || entry.Value.requires_grad).Select(entry => (entry.Key.First, entry.Key.Last, entry.Value))];

    /// <summary>The slots from one role to another, in flat order; none if <paramref name="last"/> comes before.</summary>
    /// <exception cref="KeyNotFoundException">The unit has no such role.</exception>
    public IReadOnlyList<ParameterSlot> Slots(string first, string last)
    {
        var (start, end) = (IndexOf(first), IndexOf(last));
        return [.. Layout.Parameters.Take(end + 1).Skip(start)];
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var view in _views.Values) view.Dispose();
        Flat.Dispose();
    }

    private int IndexOf(string role)
    {
        for (var index = 0; index < Layout.Parameters.Count; index++)
            if (Layout.Parameters[index].Role == role) return index;
        throw new KeyNotFoundException(
            $"unit kind '{Layout.Kind}' has no parameter '{role}'; it has {string.Join(", ", Layout.Parameters.Select(slot => slot.Role))}");
    }

    // Detached, so that a leaf's graph never reaches the buffer or another view.
    private Tensor View(long offset, long count, long[] shape)
    {
        using var narrowed = _flat.narrow(0, offset, count);
        using var view = narrowed.view(shape);
        return view.detach().DetachFromDisposeScope();
    }
}

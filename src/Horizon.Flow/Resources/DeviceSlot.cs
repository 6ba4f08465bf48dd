using System.Runtime.CompilerServices;
using Horizon.Flow.Devices;
using Horizon.Flow.Host.Store;
using Horizon.Flow.Units;

namespace Horizon.Flow.Resources;

/// <summary>
/// One device buffer of a pool, for weights or for gradients, large enough for every unit, with the views that bind it to each layout
/// of a unit, made once for all units of equal layout.
/// </summary>
public sealed class DeviceSlot : IDisposable
{
    private readonly ConditionalWeakTable<UnitLayout, ParameterViews> _byLayout = [];
    private readonly List<ParameterViews> _views = [];

    /// <summary>Takes ownership of the buffer.</summary>
    public DeviceSlot(DeviceBuffer buffer)
    {
        ArgumentNullException.ThrowIfNull(buffer);
        Buffer = buffer;
    }

    /// <summary>The buffer.</summary>
    public DeviceBuffer Buffer { get; }

    /// <summary>
    /// When the last copy or computation on the buffer is done. Who uses it next lets its stream wait for this, and leaves its own.
    /// </summary>
    public Fence Fence { get; set; } = Fence.Completed;

    /// <summary>The buffer as the parameters of a unit of that layout.</summary>
    public ParameterViews ViewsOf(UnitLayout layout)
    {
        ArgumentNullException.ThrowIfNull(layout);
        lock (_views)
        {
            if (_byLayout.TryGetValue(layout, out var views)) return views;
            views = _views.Find(made => made.Layout.IsSameAs(layout));
            if (views is null) _views.Add(views = new ParameterViews(Buffer.Flat, layout));
            _byLayout.Add(layout, views);
            return views;
        }
    }

    /// <summary>Frees the buffer, after the last work on it.</summary>
    public void Dispose()
    {
        Fence.WaitForEnd();
        foreach (var views in _views) views.Dispose();
        Buffer.Dispose();
    }
}

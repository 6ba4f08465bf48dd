using Horizon.Flow.Devices;
using Horizon.Flow.Host.Store;
using Horizon.Flow.Units;

namespace Horizon.Flow.Models.Decoding;

/// <summary>
/// The units of a model on the device: as many as fit stay, the others take turns in two buffers, each on its way up while the one before is computed. Belongs to
/// the compute lane.
/// </summary>
internal sealed class DecodedUnits : IDisposable
{
    private const int Turns = 2;

    private readonly ParameterStore _store;
    private readonly IComputeDevice _device;
    private readonly IReadOnlyList<int> _visits;
    private readonly List<Slot> _slots = [];
    private readonly Slot[] _slotOf;
    private readonly ParameterViews[] _views;

    /// <param name="store">The weights; must live on where units take turns.</param>
    /// <param name="device">Where they go.</param>
    /// <param name="visits">The units in the order of a pass.</param>
    /// <param name="memory">Bytes of device memory for all weights; null for as much as they take.</param>
    public DecodedUnits(ParameterStore store, IComputeDevice device, IReadOnlyList<int> visits, long? memory)
    {
        (_store, _device, _visits) = (store, device, visits);
        var staying = Staying([.. store.Units.Select(unit => unit.Weights.ByteLength)], memory);
        var largest = store.Units.Where((_, unit) => !staying.Contains(unit)).Select(unit => unit.Layout.ElementCount).DefaultIfEmpty(0).Max();
        StreamedCount = store.Units.Count - staying.Count;
        (_slotOf, _views) = (new Slot[store.Units.Count], new ParameterViews[store.Units.Count]);
        try
        {
            var turns = Enumerable.Range(0, Math.Min(Turns, StreamedCount)).Select(_ => Allocate(largest)).ToList();
            var turn = 0;
            for (var unit = 0; unit < _slotOf.Length; unit++)
            {
                _slotOf[unit] = staying.Contains(unit) ? Allocate(store.Units[unit].Layout.ElementCount) : turns[turn++ % turns.Count];
                _views[unit] = new ParameterViews(_slotOf[unit].Buffer.Flat, store.Units[unit].Layout);
            }
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>Units that do not stay.</summary>
    public int StreamedCount { get; }

    /// <summary>The weights of a visit's unit, for the computation that is launched next; the unit of a later visit is sent on its way meanwhile.</summary>
    /// <param name="visit">Its number in the pass.</param>
    public ParameterViews Take(int visit)
    {
        var unit = _visits[visit];
        var slot = Load(unit);
        for (var ahead = 1; ahead < _visits.Count; ahead++)
        {
            var next = UnitAt(visit + ahead);
            if (_slotOf[next].Holds == next) continue;
            if (!IsNeeded(_slotOf[next], visit, ahead)) Load(next);
            break;
        }

        _device.ComputeWaits(slot.Ready);
        return _views[unit];
    }

    /// <summary>What was launched with a visit's weights is all that reads them.</summary>
    /// <param name="visit">Its number in the pass.</param>
    public void Release(int visit) => _slotOf[_visits[visit]].Free = _device.RecordCompute();

    /// <summary>Other weights lie in the store: none on the device is one of them.</summary>
    public void Forget()
    {
        foreach (var slot in _slots) slot.Holds = -1;
    }

    /// <summary>Ends when no copy is under way.</summary>
    public async Task LandAsync()
    {
        foreach (var slot in _slots) await slot.Ready.WaitAsync().ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var view in _views) view?.Dispose();
        foreach (var slot in _slots) slot.Buffer.Dispose();
    }

    // The largest first: what is left to take turns needs smaller buffers then.
    private static HashSet<int> Staying(long[] bytes, long? memory)
    {
        HashSet<int> all = [.. Enumerable.Range(0, bytes.Length)];
        if (memory is not { } limit || bytes.Sum() <= limit) return all;
        var staying = new HashSet<int>();
        var order = all.OrderByDescending(unit => bytes[unit]).ToList();
        var used = 0L;
        for (var i = 0; i < order.Count; i++)
        {
            // With this one staying, the largest of those that take turns is the next.
            var turns = i + 1 < order.Count ? Turns * bytes[order[i + 1]] : 0;
            if (used + bytes[order[i]] + turns > limit) continue;
            used += bytes[order[i]];
            staying.Add(order[i]);
        }

        // One that was passed over for its size may be larger than the next in line.
        while (staying.Count > 0 && used + (Turns * all.Except(staying).Max(unit => bytes[unit])) > limit)
        {
            var smallest = staying.MinBy(unit => bytes[unit]);
            used -= bytes[smallest];
            staying.Remove(smallest);
        }

        return staying;
    }

    private Slot Allocate(long elements)
    {
        var slot = new Slot(_device.Allocate(elements, _store.WeightType));
        _slots.Add(slot);
        return slot;
    }

    private Slot Load(int unit)
    {
        var slot = _slotOf[unit];
        if (slot.Holds == unit) return slot;
        var weights = _store.Units[unit].Weights;
        slot.Ready = _device.Upload(weights, weights.ByteLength, slot.Buffer, slot.Free);
        (slot.Holds, slot.Free) = (unit, slot.Ready); // a pass that ends early reads it no more: the next copy there waits for this one
        return slot;
    }

    private int UnitAt(int visit) => _visits[visit % _visits.Count];

    // Whether one of so many visits from one on has its weights there.
    private bool IsNeeded(Slot slot, int visit, int count)
    {
        for (var i = 0; i < count; i++)
            if (_slotOf[UnitAt(visit + i)] == slot) return true;
        return false;
    }

    private sealed class Slot(DeviceBuffer buffer)
    {
        public DeviceBuffer Buffer => buffer;

        public int Holds { get; set; } = -1;

        /// <summary>When its weights are there.</summary>
        public Fence Ready { get; set; } = Fence.Completed;

        /// <summary>When its last reader is done, or where there was none since, the last copy.</summary>
        public Fence Free { get; set; } = Fence.Completed;
    }
}

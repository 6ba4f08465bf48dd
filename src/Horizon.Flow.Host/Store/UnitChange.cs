using Horizon.Flow.Host.Memory;
using Horizon.Flow.Host.Optimizers;

namespace Horizon.Flow.Host.Store;

/// <summary>
/// Another difference, other optimizer state or other state of the user's own for a unit: new buffers are made first and put in by <see cref="Apply"/>, so that the unit is as
/// it was where one of them cannot be made. Disposing frees what was made and not put in.
/// </summary>
/// <param name="unit">As it is until <see cref="Apply"/>.</param>
/// <param name="allocate">Makes each new buffer of so many bytes; what made the unit's others by default.</param>
internal sealed class UnitChange(UnitState unit, Func<long, HostBuffer>? allocate = null) : IDisposable
{
    private readonly Func<long, HostBuffer> _allocate = allocate ?? unit.Allocate;
    private readonly List<HostBuffer> _made = [];
    private HostBuffer? _difference = unit.Difference;
    private IReadOnlyList<HostBuffer> _optimizerState = unit.OptimizerState;
    private IReadOnlyDictionary<string, HostBuffer> _own = unit.Own;

    /// <summary>The optimizer's buffers, new and zero, in place of those that the unit has.</summary>
    public void RenewOptimizerState(IReadOnlyList<OptimizerBuffer> needed) => _optimizerState = [.. needed.Select(buffer => Make(buffer.ByteLength))];

    /// <summary>With a difference, new and zero where the unit has none, or without; a unit in fp32 has none in either case.</summary>
    public void FitDifference(bool wanted) => _difference = wanted && unit.DifferenceBytes is > 0 and var bytes ? _difference ?? Make(bytes) : null;

    /// <summary>These buffers of the user's own: those that the unit has with this name and length stay, others are new and zero.</summary>
    public void FitOwn(IReadOnlyList<OwnBuffer> needed)
    {
        var sizes = needed.ToDictionary(buffer => buffer.Name, buffer => buffer.BytesOf(unit.Layout), StringComparer.Ordinal);
        var own = new SortedDictionary<string, HostBuffer>(StringComparer.Ordinal);
        foreach (var (name, bytes) in sizes.Where(pair => pair.Value != 0))
            own.Add(name, unit.Own.TryGetValue(name, out var kept) && kept.ByteLength == bytes ? kept : Make(bytes));
        _own = own;
    }

    /// <summary>Puts the buffers in and frees those that they replace.</summary>
    public void Apply()
    {
        _made.Clear();
        unit.Put(_difference, _optimizerState, _own, _allocate);
    }

    public void Dispose()
    {
        foreach (var buffer in _made) buffer.Dispose();
    }

    private HostBuffer Make(long bytes)
    {
        var buffer = _allocate(bytes);
        _made.Add(buffer);
        return buffer;
    }
}

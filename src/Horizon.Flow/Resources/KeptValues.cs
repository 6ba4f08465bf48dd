using static TorchSharp.torch;

namespace Horizon.Flow.Resources;

/// <summary>Tensors that live from program to program (<see cref="Program.ProgramValue.KeptAs"/>), by name. They belong to the run; join alone touches them, on the lane.</summary>
public sealed class KeptValues : IDisposable
{
    private readonly Lock _gate = new();
    private readonly HashSet<string> _names = [];
    private readonly Dictionary<string, Tensor> _values = [];

    /// <summary>The names of all that is kept, or will be when the programs under way have ended.</summary>
    public IReadOnlyCollection<string> Names
    {
        get
        {
            lock (_gate) return [.. _names.Order(StringComparer.Ordinal)];
        }
    }

    internal void Promise(string name)
    {
        lock (_gate) _names.Add(name);
    }

    internal Tensor Get(string name)
    {
        lock (_gate) return _values[name];
    }

    internal void Put(string name, Tensor value)
    {
        lock (_gate)
        {
            if (_values.TryGetValue(name, out var before) && !ReferenceEquals(before, value)) before.Dispose();
            _values[name] = value;
            _names.Add(name); // a loop of the user's own promises nothing
        }
    }

    internal bool Forget(string name)
    {
        lock (_gate)
        {
            if (_values.Remove(name, out var value)) value.Dispose();
            return _names.Remove(name);
        }
    }

    /// <summary>Frees all of them.</summary>
    public void Dispose()
    {
        foreach (var name in Names) _ = Forget(name);
    }
}

namespace Horizon.Flow.Text.Templates;

/// <summary>The variables of a body; lookups go outwards, assignments stay inside.</summary>
internal sealed class TemplateScope(TemplateScope? outer)
{
    // Most bodies have two or three: looking at each is sooner than hashing, and takes less memory.
    private const int Few = 8;

    private (string Name, object? Value)[] _few = [];
    private int _count;
    private Dictionary<string, object?>? _many;

    public void Set(string name, object? value)
    {
        if (_many is not null)
        {
            _many[name] = value;
            return;
        }

        var place = Find(name);
        if (place < 0)
        {
            if (_count == Few)
            {
                _many = _few.ToDictionary(variable => variable.Name, variable => variable.Value, StringComparer.Ordinal);
                _many[name] = value;
                return;
            }

            if (_count == _few.Length) Array.Resize(ref _few, Math.Max(2, 2 * _count));
            place = _count++;
        }

        _few[place] = (name, value);
    }

    public bool TryGet(string name, TemplateBudget budget, out object? value)
    {
        for (var scope = this; scope is not null; scope = scope.Outer)
        {
            budget.LookUp(name);
            if (scope._many is { } many)
            {
                if (many.TryGetValue(name, out value)) return true;
            }
            else if (scope.Find(name) is >= 0 and var place)
            {
                value = scope._few[place].Value;
                return true;
            }
        }

        value = null;
        return false;
    }

    private TemplateScope? Outer { get; } = outer;

    private int Find(string name)
    {
        for (var i = 0; i < _count; i++)
            if (string.Equals(_few[i].Name, name)) return i;
        return -1;
    }
}

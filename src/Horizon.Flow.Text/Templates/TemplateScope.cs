namespace Horizon.Flow.Text.Templates;

/// <summary>The variables of a body; lookups go outwards, assignments stay inside.</summary>
internal sealed class TemplateScope(TemplateScope? outer)
{
    private readonly Dictionary<string, object?> _variables = [];

    public void Set(string name, object? value) => _variables[name] = value;

    public bool TryGet(string name, TemplateBudget budget, out object? value)
    {
        for (var scope = this; scope is not null; scope = scope.Outer)
        {
            budget.LookUp(name);
            if (scope._variables.TryGetValue(name, out value)) return true;
        }

        value = null;
        return false;
    }

    private TemplateScope? Outer { get; } = outer;
}

using System.Globalization;

namespace Horizon.Flow.Text;

/// <summary>Finds the values of expressions.</summary>
internal sealed class TemplateEvaluator
{
    private readonly TemplateBudget _budget;
    private readonly Func<MacroValue, List<object?>, Dictionary<string, object?>, string> _callMacro;
    private readonly TemplateOperators _operators;
    private readonly TemplateFilters _filters;

    /// <param name="budget">What the rendering may spend.</param>
    /// <param name="callMacro">Runs a macro with arguments by place and by name.</param>
    public TemplateEvaluator(TemplateBudget budget, Func<MacroValue, List<object?>, Dictionary<string, object?>, string> callMacro)
    {
        _budget = budget;
        _callMacro = callMacro;
        _operators = new TemplateOperators(budget);
        _filters = new TemplateFilters(budget, this);
    }

    public static bool IsTrue(object? value) => value switch
    {
        null or UndefinedValue => false,
        bool b => b,
        long i => i != 0,
        double d => d != 0,
        string s => s.Length > 0,
        List<object?> list => list.Count > 0,
        OrderedDictionary<string, object?> map => map.Count > 0,
        _ => true,
    };

    public object? Evaluate(Expression expression, TemplateScope scope)
    {
        _budget.Enter();
        _budget.Step();
        _budget.Line = expression.Line;
        var value = EvaluateOne(expression, scope);
        _budget.Leave();
        return value;
    }

    /// <summary>The items of a list, the keys of a map, the characters of a string.</summary>
    public List<object?> Enumerate(object? value)
    {
        switch (value)
        {
            case List<object?> list: return list;
            case UndefinedValue: return [];
            case OrderedDictionary<string, object?> map:
                _budget.SpendItems(map.Count);
                return [.. map.Keys];
            case string text:
                _budget.SpendPieces(text.Length);
                return [.. text.EnumerateRunes().Select(rune => (object?)rune.ToString())];
            default: throw _budget.Error($"{TemplateText.Kind(value)} cannot be looped over");
        }
    }

    /// <summary>A member of a value; undefined where it has none.</summary>
    public object? Member(object? target, string name)
    {
        _budget.LookUp(name);
        return target switch
        {
            OrderedDictionary<string, object?> map => map.TryGetValue(name, out var value) ? value : new UndefinedValue(name),
            NamespaceValue space => space.Members.TryGetValue(name, out var value) ? value : new UndefinedValue(name),
            LoopValue loop => loop.Attribute(name),
            UndefinedValue undefined => throw _budget.Error($"'{undefined.Name}' is undefined, so it has no '{name}'"),
            _ => new UndefinedValue(name),
        };
    }

    /// <summary>What Jinja's filters call an attribute: a number, or names and numbers with dots between them.</summary>
    /// <param name="target">Where the path begins.</param>
    /// <param name="path">The path.</param>
    /// <param name="otherwise">Takes the place of what is undefined, if not null.</param>
    public object? Path(object? target, object? path, object? otherwise = null)
    {
        if (path is not (string or long)) throw _budget.Error($"an attribute must be a name or a number, not {TemplateText.Kind(path)}");
        if (path is string text) _budget.Spend(2L * text.Length);
        foreach (var part in path is string names ? names.Split('.') : (object[])[path])
        {
            _budget.Step();
            var index = part is string name && long.TryParse(name, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : part;
            target = Index(target, index);
            if (target is UndefinedValue && otherwise is not null) target = otherwise;
        }

        return target;
    }

    public bool Test(object? value, string name, List<object?> arguments) => TemplateTests.Test(value, name, arguments, _operators, _budget);

    private object? EvaluateOne(Expression expression, TemplateScope scope)
    {
        switch (expression)
        {
            case LiteralExpression literal: return literal.Value;
            case NameExpression name: return scope.TryGet(name.Name, _budget, out var value) ? value : new UndefinedValue(name.Name);
            case ListExpression list:
                return list.Items.Select(item => Evaluate(item, scope)).ToList();
            case MapExpression map:
                return EvaluateMap(map, scope);
            case UnaryExpression unary:
                var operand = Evaluate(unary.Operand, scope);
                return unary.Operator == "not" ? !IsTrue(operand) : _operators.Sign(unary.Operator, operand);
            case BinaryExpression { Operator: "and" } and:
                var left = Evaluate(and.Left, scope);
                return IsTrue(left) ? Evaluate(and.Right, scope) : left;
            case BinaryExpression { Operator: "or" } or:
                left = Evaluate(or.Left, scope);
                return IsTrue(left) ? left : Evaluate(or.Right, scope);
            case BinaryExpression binary:
                return _operators.Binary(binary.Operator, Evaluate(binary.Left, scope), Evaluate(binary.Right, scope));
            case CompareExpression compare: return Compare(compare, scope);
            case ConditionalExpression conditional:
                if (IsTrue(Evaluate(conditional.Condition, scope))) return Evaluate(conditional.WhenTrue, scope);
                return conditional.WhenFalse is null ? new UndefinedValue("an if without else") : Evaluate(conditional.WhenFalse, scope);
            case AttributeExpression attribute: return Member(Evaluate(attribute.Target, scope), attribute.Name);
            case IndexExpression index: return Index(Evaluate(index.Target, scope), Evaluate(index.Index, scope));
            case SliceExpression slice:
                return _operators.Slice(Evaluate(slice.Target, scope), Part(slice.Start), Part(slice.Stop), Part(slice.Step));
            case CallExpression call: return Call(call, scope);
            case FilterExpression filter:
                var (positional, named) = Arguments(filter.Arguments, scope);
                return _filters.Apply(filter.Name, Evaluate(filter.Target, scope), positional, named);
            case TestExpression test:
                (positional, named) = Arguments(test.Arguments, scope);
                if (named.Count > 0) throw _budget.Error($"the test '{test.Name}' has no argument '{named.Keys.First()}'");
                return Test(Evaluate(test.Target, scope), test.Name, positional) != test.IsNegated;
            default:
                throw new InvalidOperationException($"{expression.GetType().Name} is not handled.");
        }

        object? Part(Expression? part) => part is null ? null : Evaluate(part, scope);
    }

    private OrderedDictionary<string, object?> EvaluateMap(MapExpression map, TemplateScope scope)
    {
        var result = new OrderedDictionary<string, object?>();
        foreach (var (key, value) in map.Entries)
        {
            if (Evaluate(key, scope) is not string name) throw _budget.Error("the keys of a map must be strings");
            _budget.LookUp(name);
            result[name] = Evaluate(value, scope);
        }

        return result;
    }

    private bool Compare(CompareExpression compare, TemplateScope scope)
    {
        var left = Evaluate(compare.First, scope);
        foreach (var (comparison, expression) in compare.Links)
        {
            var right = Evaluate(expression, scope);
            if (!_operators.Compare(comparison, left, right)) return false;
            left = right;
        }

        return true;
    }

    private object? Index(object? target, object? index) => (target, index) switch
    {
        (List<object?> list, long i) => At(list.Count, i) is { } place ? list[place] : new UndefinedValue($"item {i}"),
        (string text, long i) => At(text.Length, i) is { } place ? text[place].ToString() : new UndefinedValue($"character {i}"),
        (_, string name) => Member(target, name),
        (UndefinedValue undefined, _) => throw _budget.Error($"'{undefined.Name}' is undefined, so it has no items"),
        _ => new UndefinedValue(TemplateText.Print(index, _budget)),
    };

    private static int? At(int count, long index)
    {
        if (index < 0) index += count;
        return index >= 0 && index < count ? (int)index : null;
    }

    private object? Call(CallExpression call, TemplateScope scope)
    {
        var (positional, named) = Arguments(call.Arguments, scope);
        if (call.Target is AttributeExpression method)
        {
            var target = Evaluate(method.Target, scope);
            if (target is NamespaceValue && Member(target, method.Name) is MacroValue member) return _callMacro(member, positional, named);
            return TemplateMethods.Call(target, method.Name, positional, named, _budget);
        }

        if (call.Target is NameExpression name)
        {
            if (!scope.TryGet(name.Name, _budget, out var callee)) return TemplateFunctions.Call(name.Name, positional, named, _budget);
            if (callee is MacroValue macro) return _callMacro(macro, positional, named);
        }

        throw _budget.Error("this is no function, so it cannot be called");
    }

    private (List<object?> Positional, Dictionary<string, object?> Named) Arguments(CallArguments arguments, TemplateScope scope) =>
        (arguments.Positional.Select(a => Evaluate(a, scope)).ToList(),
         arguments.Named.GroupBy(a => a.Name).ToDictionary(a => a.Key, a => Evaluate(a.Last().Value, scope)));
}

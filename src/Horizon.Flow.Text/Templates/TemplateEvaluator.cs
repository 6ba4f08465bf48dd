using System.Globalization;

namespace Horizon.Flow.Text.Templates;

/// <summary>Finds the values of expressions.</summary>
internal sealed class TemplateEvaluator
{
    private readonly TemplateBudget _budget;
    private readonly Func<MacroValue, List<object?>, Dictionary<string, object?>, object> _callMacro;
    private readonly Func<LoopValue, object?, object> _recurse;
    private readonly TemplateOperators _operators;
    private readonly TemplateFilters _filters;

    /// <param name="budget">What the rendering may spend.</param>
    /// <param name="callMacro">Runs a macro with arguments by place and by name.</param>
    /// <param name="recurse">Runs a recursive loop over other items.</param>
    public TemplateEvaluator(
        TemplateBudget budget, Func<MacroValue, List<object?>, Dictionary<string, object?>, object> callMacro, Func<LoopValue, object?, object> recurse)
    {
        _recurse = recurse;
        _budget = budget;
        _callMacro = callMacro;
        _operators = new TemplateOperators(budget);
        _filters = new TemplateFilters(budget, this, _operators);
    }

    public static bool IsTrue(object? value) => value switch
    {
        null or UndefinedValue => false,
        bool b => b,
        long i => i != 0,
        double d => d != 0,
        string s => s.Length > 0,
        SafeText safe => safe.Text.Length > 0,
        UnseenText unseen => unseen.Ask((text, _) => text.Length > 0),
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

    /// <summary>The sum of two values.</summary>
    public object? Add(object? left, object? right) => _operators.Binary("+", left, right);

    /// <summary>The items of a list, the keys of a map, the characters of a string.</summary>
    public List<object?> Enumerate(object? value)
    {
        switch (SafeText.Plain(value))
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
            GroupValue group when name is "grouper" or "list" => group[name == "grouper" ? 0 : 1],
            CyclerValue cycler when name == "current" => cycler.Current,
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

    /// <summary>The value after each of the filters.</summary>
    public object? Filter(object? value, FilterChain chain, TemplateScope scope)
    {
        foreach (var (name, given) in chain.Filters)
        {
            var (positional, named) = Arguments(given, scope);
            value = _filters.Apply(name, value, positional, named);
        }

        return value;
    }

    public bool Test(object? value, string name, List<object?> arguments) => TemplateTests.Test(value, name, arguments, _operators, _budget);

    private object? EvaluateOne(Expression expression, TemplateScope scope)
    {
        switch (expression)
        {
            case LiteralExpression literal: return literal.Value;
            case NameExpression name: return scope.TryGet(name.Name, _budget, out var value) ? value
                : TemplateFunctions.Has(name.Name) ? new FunctionValue(name.Name) : new UndefinedValue(name.Name);
            case ListExpression list:
                var items = list.Items.Select(item => Evaluate(item, scope));
                return list.IsTuple ? new TemplateTuple(items) : items.ToList();
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
            case CallExpression call: return Call(call, scope, caller: null);
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
            if (SafeText.Plain(Evaluate(key, scope)) is not string name) throw _budget.Error("the keys of a map must be strings");
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

    private object? Index(object? target, object? index) => (SafeText.Plain(target), SafeText.Plain(index)) switch
    {
        (List<object?> list, long i) => At(list.Count, i) is { } place ? list[place] : new UndefinedValue($"item {i}"),
        (string text, long i) => At(text.Length, i) is { } place ? text[place].ToString() : new UndefinedValue($"character {i}"),
        (UnseenText, _) or (_, UnseenText) => throw new SeenException(),
        (_, string name) => Member(target, name),
        (List<object?> list, bool truth) => Index(list, truth ? 1L : 0L),
        (OrderedDictionary<string, object?>, long) => new UndefinedValue($"item {index}"),
        (UndefinedValue undefined, _) => throw _budget.Error($"'{undefined.Name}' is undefined, so it has no items"),
        _ => new UndefinedValue(TemplateText.Print(index, _budget)),
    };

    private static int? At(int count, long index)
    {
        if (index < 0) index += count;
        return index >= 0 && index < count ? (int)index : null;
    }

    /// <summary>Calls what an expression names.</summary>
    /// <param name="call">The call.</param>
    /// <param name="scope">Where it stands.</param>
    /// <param name="caller">The block of a call statement; null for a call in an expression.</param>
    public object? Call(CallExpression call, TemplateScope scope, MacroValue? caller)
    {
        var (positional, named) = Arguments(call.Arguments, scope);
        if (caller is not null) named["caller"] = caller;
        if (call.Target is not AttributeExpression method)
        {
            var what = call.Target is NameExpression name ? $"'{name.Name}'" : "this";
            return Call(Evaluate(call.Target, scope), what, positional, named);
        }

        var target = Evaluate(method.Target, scope);
        if (target is LoopValue loop) return CallLoop(loop, method.Name, positional, named);
        if (target is NamespaceValue or OrderedDictionary<string, object?> && Member(target, method.Name) is MacroValue or FunctionValue or JoinerValue or ClockValue)
            return Call(Member(target, method.Name), $"'{method.Name}'", positional, named);
        if (target is UnseenText unseen) return unseen.Call(method.Name, positional, named);
        if (positional.Exists(argument => argument is UnseenText) || named.Values.Any(argument => argument is UnseenText)) throw new SeenException();
        return TemplateMethods.Call(target, method.Name, positional, named, _operators, _budget);
    }

    private object? Call(object? callee, string what, List<object?> positional, Dictionary<string, object?> named) => callee switch
    {
        MacroValue macro => _callMacro(macro, positional, named),
        FunctionValue function => TemplateFunctions.Call(function.Name, positional, named, _budget),
        ClockValue clock => TemplateClock.Format(clock.Now, new TemplateArguments(what, positional, named, _budget, "format").Text("format"), _budget),
        JoinerValue when positional.Count + named.Count > 0 => throw _budget.Error($"{what} takes no arguments"),
        JoinerValue joiner => joiner.Next(),
        LoopValue loop => _recurse(loop, new TemplateArguments("a recursive loop", positional, named, _budget, "items")["items"]),
        UndefinedValue => throw _budget.Error($"there is no function {what}; known are {TemplateFunctions.Known}"),
        _ => throw _budget.Error($"{what} is no function, so it cannot be called"),
    };

    private object? CallLoop(LoopValue loop, string name, List<object?> arguments, Dictionary<string, object?> named)
    {
        if (named.Count > 0) throw _budget.Error($"'loop.{name}' has no argument '{named.Keys.First()}'");
        if (name == "cycle") return arguments.Count > 0 ? arguments[loop.Index % arguments.Count] : throw _budget.Error("'loop.cycle' needs values");
        if (name != "changed") throw _budget.Error($"a loop has no method '{name}'");
        var changed = loop.Changes?.Last is not { } last || !_operators.AreEqual(last, arguments);
        if (loop.Changes is not null) loop.Changes.Last = arguments;
        return changed;
    }

    private (List<object?> Positional, Dictionary<string, object?> Named) Arguments(CallArguments arguments, TemplateScope scope)
    {
        var positional = new List<object?>(arguments.Positional.Count);
        foreach (var argument in arguments.Positional) positional.Add(Evaluate(argument, scope));
        Dictionary<string, object?> named = arguments.Named.Count == 0 ? [] : arguments.Named.GroupBy(a => a.Name).ToDictionary(a => a.Key, a => Evaluate(a.Last().Value, scope));
        if (arguments.List is not null) positional.AddRange(Enumerate(Evaluate(arguments.List, scope)));
        if (arguments.Map is null) return (positional, named);
        if (Evaluate(arguments.Map, scope) is not OrderedDictionary<string, object?> map) throw _budget.Error("'**' needs a map");
        _budget.SpendPieces(map.Count);
        foreach (var (name, value) in map)
            if (!named.TryAdd(name, value)) throw _budget.Error($"the argument '{name}' is given twice");
        return (positional, named);
    }
}

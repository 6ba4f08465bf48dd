namespace Horizon.Flow.Text.Templates;

/// <summary>Runs the statements of a template.</summary>
internal sealed class TemplateInterpreter
{
    private readonly TemplateBudget _budget;
    private readonly TemplateEvaluator _evaluator;
    private readonly List<Range> _generated = [];
    private readonly TemplateScope _template;
    private TemplateOutput _output = new(1024);
    private int _captures;

    private TemplateInterpreter(TemplateBudget budget, TemplateScope template)
    {
        (_budget, _template) = (budget, template);
        _evaluator = new TemplateEvaluator(_budget, Call, Recurse);
    }

    private enum Flow
    {
        Next,
        Break,
        Continue,
    }

    /// <summary>Renders; gives the text and the stretches that stand in generation blocks.</summary>
    public static RenderedChat Render(IReadOnlyList<Statement> body, TemplateBudget budget, IEnumerable<KeyValuePair<string, object?>> variables)
    {
        var interpreter = Run(body, budget, variables);
        return new RenderedChat((string)interpreter._output.Value, interpreter._generated);
    }

    /// <summary>Renders what holds unseen texts; gives the parts of the text.</summary>
    /// <exception cref="SeenException">Something is done with them that cannot be watched.</exception>
    public static IReadOnlyList<object> RenderUnseen(IReadOnlyList<Statement> body, TemplateBudget budget, IEnumerable<KeyValuePair<string, object?>> variables) =>
        Run(body, budget, variables)._output.Parts;

    private static TemplateInterpreter Run(IReadOnlyList<Statement> body, TemplateBudget budget, IEnumerable<KeyValuePair<string, object?>> variables)
    {
        budget.Begin();
        var scope = new TemplateScope(null);
        foreach (var (variable, value) in variables) scope.Set(variable, value);
        var interpreter = new TemplateInterpreter(budget, new TemplateScope(scope));
        interpreter.Run(body, interpreter._template);
        return interpreter;
    }

    private Flow Run(IReadOnlyList<Statement> body, TemplateScope scope)
    {
        _budget.Enter();
        var flow = Flow.Next;
        for (var i = 0; i < body.Count && flow == Flow.Next; i++)
        {
            _budget.Line = body[i].Line;
            _budget.Step();
            flow = Run(body[i], scope);
        }

        _budget.Leave();
        return flow;
    }

    private Flow Run(Statement statement, TemplateScope scope)
    {
        switch (statement)
        {
            case DataStatement data:
                Write(data.Text);
                return Flow.Next;
            case OutputStatement output:
                WriteSum(output.Value, scope);
                return Flow.Next;
            case IfStatement branch:
                foreach (var (condition, body) in branch.Branches)
                    if (TemplateEvaluator.IsTrue(_evaluator.Evaluate(condition, scope))) return Run(body, scope);
                return Run(branch.Otherwise, scope);
            case ForStatement loop:
                return RunLoop(loop, scope);
            case SetStatement set:
                Assign(set.Targets, set.Attribute, _evaluator.Evaluate(set.Value, scope), scope);
                return Flow.Next;
            case CaptureStatement capture:
                var text = _evaluator.Filter(Capture(capture.Body, new TemplateScope(scope)), capture.Filters, scope);
                Assign([capture.Target], capture.Attribute, text, scope);
                return Flow.Next;
            case WithStatement with:
                var own = new TemplateScope(scope);
                foreach (var (name, value) in with.Variables) own.Set(name, _evaluator.Evaluate(value, scope));
                return Run(with.Body, own);
            case BlockStatement block:
                return Run(block.Body, new TemplateScope(block.IsScoped ? scope : _template));
            case FilterStatement filter:
                WriteValue(_evaluator.Filter(Capture(filter.Body, new TemplateScope(scope)), filter.Filters, scope));
                return Flow.Next;
            case CallStatement call:
                WriteValue(_evaluator.Call(call.Call, scope, new MacroValue(call.Caller, scope)));
                return Flow.Next;
            case MacroStatement macro:
                scope.Set(macro.Name, new MacroValue(macro, scope));
                return Flow.Next;
            case GenerationStatement generation:
                return RunGeneration(generation, scope);
            case JumpStatement jump:
                return jump.IsBreak ? Flow.Break : Flow.Continue;
            default:
                throw new InvalidOperationException($"{statement.GetType().Name} is not handled.");
        }
    }

    private Flow RunLoop(ForStatement loop, TemplateScope scope) => RunLoop(loop, scope, _evaluator.Evaluate(loop.Items, scope), depth: 0);

    /// <summary>What `loop(items)` gives in a recursive loop.</summary>
    private object Recurse(LoopValue loop, object? items)
    {
        if (loop.Recursion is not var (statement, scope)) throw _budget.Error("only a loop with the word recursive can be called");
        return Capture(() => RunLoop(statement, scope, items, loop.Depth + 1));
    }

    private Flow RunLoop(ForStatement loop, TemplateScope scope, object? over, int depth)
    {
        var items = _evaluator.Enumerate(over);
        if (loop.Filter is not null) items = items.FindAll(Passes);

        var changes = new ChangedValue();
        for (var i = 0; i < items.Count; i++)
        {
            _budget.Step();
            var inner = new TemplateScope(scope);
            Unpack(loop.Targets, items[i], inner);
            inner.Set("loop", new LoopValue(items, i) { Depth = depth, Recursion = loop.IsRecursive ? (loop, scope) : null, Changes = changes });
            if (Run(loop.Body, inner) == Flow.Break) break;
        }

        return items.Count == 0 ? Run(loop.Otherwise, scope) : Flow.Next;

        bool Passes(object? item)
        {
            _budget.Step();
            var inner = new TemplateScope(scope);
            Unpack(loop.Targets, item, inner);
            return TemplateEvaluator.IsTrue(_evaluator.Evaluate(loop.Filter, inner));
        }
    }

    private Flow RunGeneration(GenerationStatement generation, TemplateScope scope)
    {
        if (_captures > 0) throw _budget.Error("a generation block stands inside a macro or a set block, where its place in the text is unknown");
        var start = _output.Length;
        var flow = Run(generation.Body, new TemplateScope(scope));
        if (_output.Length > start) _generated.Add(start.._output.Length);
        return flow;
    }

    private void Assign(IReadOnlyList<string> targets, string? attribute, object? value, TemplateScope scope)
    {
        if (attribute is null)
        {
            Unpack(targets, value, scope);
            return;
        }

        if (!scope.TryGet(targets[0], _budget, out var target) || target is not NamespaceValue space)
            throw _budget.Error($"'{targets[0]}' is no namespace, so its attributes cannot be set");
        _budget.LookUp(attribute);
        space.Members[attribute] = value;
    }

    private void Unpack(IReadOnlyList<string> targets, object? value, TemplateScope scope)
    {
        if (targets.Count == 1)
        {
            scope.Set(targets[0], value);
            return;
        }

        if (value is not List<object?> parts || parts.Count != targets.Count)
            throw _budget.Error($"{targets.Count} names need a list of {targets.Count} values");
        for (var i = 0; i < targets.Count; i++) scope.Set(targets[i], parts[i]);
    }

    private object Call(MacroValue macro, List<object?> positional, Dictionary<string, object?> named)
    {
        var scope = new TemplateScope(macro.Scope);
        var definition = macro.Definition;
        var parameters = definition.Parameters;

        // As in Jinja, a macro that names these takes any further arguments, and a block that calls it.
        if (definition.Uses.Contains("varargs"))
        {
            scope.Set("varargs", new TemplateTuple(positional.Skip(parameters.Count)));
            positional = [.. positional.Take(parameters.Count)];
        }

        if (definition.Uses.Contains("caller")) scope.Set("caller", named.Remove("caller", out var caller) ? caller : new UndefinedValue("caller"));
        if (definition.Uses.Contains("kwargs"))
        {
            var known = parameters.Select(parameter => parameter.Name).ToHashSet();
            scope.Set("kwargs", new OrderedDictionary<string, object?>(named.Where(argument => !known.Contains(argument.Key))));
            named = named.Where(argument => known.Contains(argument.Key)).ToDictionary();
        }

        var given = new TemplateArguments($"'{definition.Name}'", positional, named, _budget, [.. parameters.Select(parameter => parameter.Name)]);
        foreach (var (name, otherwise) in parameters)
        {
            scope.Set(
                name,
                given.Has(name) ? given[name]
                : otherwise is null ? new UndefinedValue(name)
                : _evaluator.Evaluate(otherwise, scope));
        }

        return Capture(definition.Body, scope);
    }

    private object Capture(IReadOnlyList<Statement> body, TemplateScope scope) => Capture(() => Run(body, scope));

    private object Capture(Func<Flow> run)
    {
        var outer = _output;
        _output = new TemplateOutput(16);
        _captures++;
        run();
        _captures--;
        _budget.Spend(_output.Length);
        var text = _output.Value;
        _output = outer;
        return text;
    }

    /// <summary>Writes a value; texts that are joined are written one by one, and never stand joined in memory.</summary>
    private void WriteSum(Expression expression, TemplateScope scope)
    {
        if (expression is not BinaryExpression { Operator: "+" } sum)
        {
            WriteValue(_evaluator.Evaluate(expression, scope));
            return;
        }

        var terms = new Stack<Expression>();
        Expression first = sum;
        for (; first is BinaryExpression { Operator: "+" } inner; first = inner.Left)
        {
            _budget.Enter();
            terms.Push(inner.Right);
        }

        var whole = _evaluator.Evaluate(first, scope);
        List<object>? texts = whole is string or UnseenText ? [whole] : null;
        foreach (var term in terms)
        {
            _budget.Step();
            _budget.Leave();
            var value = _evaluator.Evaluate(term, scope);
            if (texts is not null && value is string or UnseenText)
            {
                texts.Add(value);
                continue;
            }

            if (texts is not null) (whole, texts) = (texts.Aggregate((left, right) => _evaluator.Add(left, right)!), null);
            whole = _evaluator.Add(whole, value);
        }

        if (texts is null) WriteValue(whole);
        else foreach (var one in texts) WriteValue(one);
    }

    private void WriteValue(object? value)
    {
        if (value is UnseenText unseen) _output.Write(unseen);
        else Write(TemplateText.Print(value, _budget));
    }

    private void Write(string text)
    {
        _budget.Spend(text.Length);
        _output.Write(text);
    }
}

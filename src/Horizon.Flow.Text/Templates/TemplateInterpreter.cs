using System.Text;

namespace Horizon.Flow.Text;

/// <summary>Runs the statements of a template.</summary>
internal sealed class TemplateInterpreter
{
    private readonly TemplateBudget _budget;
    private readonly TemplateEvaluator _evaluator;
    private readonly List<Range> _generated = [];
    private StringBuilder _output = new();
    private int _captures;

    private TemplateInterpreter(TemplateBudget budget)
    {
        _budget = budget;
        _evaluator = new TemplateEvaluator(_budget, Call);
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
        budget.Begin();
        var interpreter = new TemplateInterpreter(budget);
        var scope = new TemplateScope(null);
        foreach (var (variable, value) in variables) scope.Set(variable, value);
        interpreter.Run(body, new TemplateScope(scope));
        return new RenderedChat(interpreter._output.ToString(), interpreter._generated);
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
                Write(TemplateText.Print(_evaluator.Evaluate(output.Value, scope), _budget));
                return Flow.Next;
            case IfStatement branch:
                foreach (var (condition, body) in branch.Branches)
                    if (TemplateEvaluator.IsTrue(_evaluator.Evaluate(condition, scope))) return Run(body, scope);
                return Run(branch.Otherwise, scope);
            case ForStatement loop:
                return RunLoop(loop, scope);
            case SetStatement set:
                Assign(set, scope);
                return Flow.Next;
            case CaptureStatement capture:
                scope.Set(capture.Target, Capture(capture.Body, new TemplateScope(scope)));
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

    private Flow RunLoop(ForStatement loop, TemplateScope scope)
    {
        var items = _evaluator.Enumerate(_evaluator.Evaluate(loop.Items, scope));
        if (loop.Filter is not null) items = items.FindAll(Passes);

        for (var i = 0; i < items.Count; i++)
        {
            _budget.Step();
            var inner = new TemplateScope(scope);
            Unpack(loop.Targets, items[i], inner);
            inner.Set("loop", new LoopValue(items, i));
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

    private void Assign(SetStatement set, TemplateScope scope)
    {
        var value = _evaluator.Evaluate(set.Value, scope);
        if (set.Attribute is null)
        {
            Unpack(set.Targets, value, scope);
            return;
        }

        if (!scope.TryGet(set.Targets[0], _budget, out var target) || target is not NamespaceValue space)
            throw _budget.Error($"'{set.Targets[0]}' is no namespace, so its attributes cannot be set");
        space.Members[set.Attribute] = value;
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

    private string Call(MacroValue macro, List<object?> positional, Dictionary<string, object?> named)
    {
        var scope = new TemplateScope(macro.Scope);
        var parameters = macro.Definition.Parameters;
        var given = new TemplateArguments($"'{macro.Definition.Name}'", positional, named, _budget, [.. parameters.Select(parameter => parameter.Name)]);
        foreach (var (name, otherwise) in parameters)
        {
            scope.Set(
                name,
                given.Has(name) ? given[name]
                : otherwise is null ? new UndefinedValue(name)
                : _evaluator.Evaluate(otherwise, scope));
        }

        return Capture(macro.Definition.Body, scope);
    }

    private string Capture(IReadOnlyList<Statement> body, TemplateScope scope)
    {
        var outer = _output;
        _output = new StringBuilder();
        _captures++;
        Run(body, scope);
        _captures--;
        _budget.Spend(_output.Length);
        var text = _output.ToString();
        _output = outer;
        return text;
    }

    private void Write(string text)
    {
        _budget.Spend(text.Length);
        _output.Append(text);
    }
}

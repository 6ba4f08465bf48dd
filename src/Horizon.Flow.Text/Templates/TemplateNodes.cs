namespace Horizon.Flow.Text.Templates;

/// <summary>A part of a parsed template.</summary>
internal abstract record TemplateNode(int Line);

/// <summary>Something with a value.</summary>
internal abstract record Expression(int Line) : TemplateNode(Line);

internal sealed record LiteralExpression(int Line, object? Value) : Expression(Line);

internal sealed record NameExpression(int Line, string Name) : Expression(Line);

internal sealed record ListExpression(int Line, IReadOnlyList<Expression> Items, bool IsTuple = false) : Expression(Line);

internal sealed record MapExpression(int Line, IReadOnlyList<(Expression Key, Expression Value)> Entries) : Expression(Line);

internal sealed record UnaryExpression(int Line, string Operator, Expression Operand) : Expression(Line);

/// <summary>Also `and` and `or`, which look at their right side only where it matters.</summary>
internal sealed record BinaryExpression(int Line, string Operator, Expression Left, Expression Right) : Expression(Line);

/// <summary>`a &lt; b &lt;= c`: each neighbour pair must hold.</summary>
internal sealed record CompareExpression(int Line, Expression First, IReadOnlyList<(string Operator, Expression Right)> Links) : Expression(Line);

internal sealed record ConditionalExpression(int Line, Expression Condition, Expression WhenTrue, Expression? WhenFalse) : Expression(Line);

internal sealed record AttributeExpression(int Line, Expression Target, string Name) : Expression(Line);

internal sealed record IndexExpression(int Line, Expression Target, Expression Index) : Expression(Line);

internal sealed record SliceExpression(int Line, Expression Target, Expression? Start, Expression? Stop, Expression? Step) : Expression(Line);

internal sealed record CallExpression(int Line, Expression Target, CallArguments Arguments) : Expression(Line);

internal sealed record FilterExpression(int Line, Expression Target, string Name, CallArguments Arguments) : Expression(Line);

internal sealed record TestExpression(int Line, Expression Target, string Name, CallArguments Arguments, bool IsNegated) : Expression(Line);

/// <summary>Arguments of a call, by place and by name.</summary>
internal sealed record CallArguments(IReadOnlyList<Expression> Positional, IReadOnlyList<(string Name, Expression Value)> Named)
{
    public static CallArguments None { get; } = new([], []);

    /// <summary>`*list`: further arguments by place.</summary>
    public Expression? List { get; init; }

    /// <summary>`**map`: further arguments by name.</summary>
    public Expression? Map { get; init; }
}

/// <summary>Something that is done.</summary>
internal abstract record Statement(int Line) : TemplateNode(Line);

internal sealed record DataStatement(int Line, string Text) : Statement(Line);

internal sealed record OutputStatement(int Line, Expression Value) : Statement(Line);

internal sealed record IfStatement(
    int Line, IReadOnlyList<(Expression Condition, IReadOnlyList<Statement> Body)> Branches, IReadOnlyList<Statement> Otherwise) : Statement(Line);

internal sealed record ForStatement(
    int Line, IReadOnlyList<string> Targets, Expression Items, Expression? Filter, IReadOnlyList<Statement> Body,
    IReadOnlyList<Statement> Otherwise, bool IsRecursive) : Statement(Line);

/// <summary>`set a, b = value`, or `set namespace.attribute = value`.</summary>
internal sealed record SetStatement(int Line, IReadOnlyList<string> Targets, string? Attribute, Expression Value) : Statement(Line);

/// <summary>`set a` … `endset`, perhaps with filters: the variable takes the output of the body.</summary>
internal sealed record CaptureStatement(int Line, string Target, string? Attribute, FilterChain Filters, IReadOnlyList<Statement> Body) : Statement(Line);

/// <summary>`with a = value` … `endwith`: a body with variables of its own.</summary>
internal sealed record WithStatement(int Line, IReadOnlyList<(string Name, Expression Value)> Variables, IReadOnlyList<Statement> Body) : Statement(Line);

/// <summary>`block name` … `endblock`: a body that sees the variables of the template alone, or if scoped those around it too.</summary>
internal sealed record BlockStatement(int Line, IReadOnlyList<Statement> Body, bool IsScoped) : Statement(Line);

/// <summary>`filter name` … `endfilter`.</summary>
internal sealed record FilterStatement(int Line, FilterChain Filters, IReadOnlyList<Statement> Body) : Statement(Line);

/// <summary>`call macro(...)` … `endcall`: the body is what the macro finds as `caller`.</summary>
internal sealed record CallStatement(int Line, MacroStatement Caller, CallExpression Call) : Statement(Line);

/// <summary>Filters one after the other.</summary>
internal sealed record FilterChain(IReadOnlyList<(string Name, CallArguments Arguments)> Filters);

internal sealed record MacroStatement(
    int Line, string Name, IReadOnlyList<(string Name, Expression? Default)> Parameters, IReadOnlyList<Statement> Body, IReadOnlySet<string> Uses)
    : Statement(Line);

/// <summary>Marks what the assistant says.</summary>
internal sealed record GenerationStatement(int Line, IReadOnlyList<Statement> Body) : Statement(Line);

/// <summary>`break` or `continue`.</summary>
internal sealed record JumpStatement(int Line, bool IsBreak) : Statement(Line);

using System.Globalization;
using System.Text;

namespace Horizon.Flow.Text.Templates;

/// <summary>Parses expressions with Jinja's precedence: if, or, and, not, comparisons, + -, ~, * / // %, **, sign, then . [] () | is.</summary>
internal sealed class ExpressionParser(TokenReader tokens)
{
    /// <summary>Tests that take an argument without brackets.</summary>
    private static readonly HashSet<string> TestsWithArgument =
        ["equalto", "eq", "ne", "in", "sameas", "divisibleby", "gt", "ge", "lt", "le", "greaterthan", "lessthan"];

    private readonly Stack<HashSet<string>> _names = [];

    /// <summary>Begins to note the names that expressions use, until <see cref="EndNames"/>.</summary>
    public IReadOnlySet<string> BeginNames()
    {
        _names.Push([]);
        return _names.Peek();
    }

    /// <inheritdoc cref="BeginNames"/>
    public void EndNames()
    {
        var inner = _names.Pop();
        if (_names.TryPeek(out var outer)) outer.UnionWith(inner);
    }

    /// <summary>An expression; with commas and no brackets, a tuple.</summary>
    public Expression ParseTuple()
    {
        var line = tokens.Line;
        var first = Parse();
        if (!tokens.IsOperator(",")) return first;
        List<Expression> items = [first];
        while (tokens.TryOperator(",") && !tokens.Is(TemplateTokenKind.BlockEnd) && !tokens.IsOperator(")")) items.Add(Parse());
        return new ListExpression(line, items, IsTuple: true);
    }

    public Expression Parse() => tokens.Nested(() =>
    {
        var line = tokens.Line;
        var value = ParseOr();
        while (tokens.TryKeyword("if"))
        {
            var condition = ParseOr();
            value = new ConditionalExpression(line, condition, value, tokens.TryKeyword("else") ? Parse() : null);
        }

        return value;
    });

    /// <summary>An expression that leaves a following `if` alone, as in the head of a loop.</summary>
    public Expression ParseOr() => ParseLeft(ParseAnd, () => tokens.IsKeyword("or"));

    public CallArguments ParseArguments()
    {
        tokens.ExpectOperator("(");
        var positional = new List<Expression>();
        var named = new List<(string, Expression)>();
        Expression? list = null, map = null;
        while (!tokens.TryOperator(")"))
        {
            if (list is null && tokens.TryOperator("*")) list = Parse();
            else if (map is null && tokens.TryOperator("**")) map = Parse();
            else if (tokens.Is(TemplateTokenKind.Name) && tokens.Following is { Kind: TemplateTokenKind.Operator, Text: "=" })
            {
                var name = tokens.Next().Text;
                tokens.Next();
                named.Add((name, Parse()));
            }
            else
            {
                positional.Add(Parse());
            }

            if (!tokens.IsOperator(")")) tokens.ExpectOperator(",");
        }

        return new CallArguments(positional, named) { List = list, Map = map };
    }

    /// <summary>Filters after a first bar that is read already, or after the word filter.</summary>
    public FilterChain ParseFilters()
    {
        var filters = new List<(string, CallArguments)>();
        do filters.Add((tokens.ExpectName(), tokens.IsOperator("(") ? ParseArguments() : CallArguments.None));
        while (tokens.TryOperator("|"));
        return new FilterChain(filters);
    }

    private Expression ParseAnd() => ParseLeft(ParseNot, () => tokens.IsKeyword("and"));

    private Expression ParseNot()
    {
        var line = tokens.Line;
        return tokens.TryKeyword("not") ? new UnaryExpression(line, "not", tokens.Nested(ParseNot)) : ParseCompare();
    }

    private Expression ParseCompare()
    {
        var line = tokens.Line;
        var first = ParseSum();
        var links = new List<(string, Expression)>();
        while (true)
        {
            if (tokens.Current is { Kind: TemplateTokenKind.Operator, Text: "==" or "!=" or "<" or "<=" or ">" or ">=" })
            {
                var comparison = tokens.Next().Text;
                links.Add((comparison, ParseSum()));
            }
            else if (tokens.TryKeyword("in"))
            {
                links.Add(("in", ParseSum()));
            }
            else if (tokens.IsKeyword("not") && tokens.Following is { Kind: TemplateTokenKind.Name, Text: "in" })
            {
                tokens.Next();
                tokens.Next();
                links.Add(("not in", ParseSum()));
            }
            else
            {
                return links.Count == 0 ? first : new CompareExpression(line, first, links);
            }
        }
    }

    private Expression ParseSum() => ParseLeft(ParseConcatenation, () => tokens.IsOperator("+") || tokens.IsOperator("-"));

    private Expression ParseConcatenation() => ParseLeft(ParseProduct, () => tokens.IsOperator("~"));

    private Expression ParseProduct() => ParseLeft(
        ParsePower, () => tokens.Current is { Kind: TemplateTokenKind.Operator, Text: "*" or "/" or "//" or "%" });

    private Expression ParsePower() => ParseLeft(() => ParseSigned(withFilters: true), () => tokens.IsOperator("**"));

    private Expression ParseLeft(Func<Expression> operand, Func<bool> isOperator)
    {
        var left = operand();
        while (isOperator())
        {
            var (_, text, line) = tokens.Next();
            left = new BinaryExpression(line, text, left, operand());
        }

        return left;
    }

    private Expression ParseSigned(bool withFilters)
    {
        var line = tokens.Line;
        if (tokens.IsOperator("-") || tokens.IsOperator("+"))
        {
            var sign = tokens.Next().Text;
            return ParseSuffixes(
                new UnaryExpression(line, sign, tokens.Nested(() => ParseSigned(withFilters: false))), false, withFilters);
        }

        return ParseSuffixes(ParsePrimary(), true, withFilters);
    }

    private Expression ParsePrimary()
    {
        var token = tokens.Next();
        switch (token.Kind)
        {
            case TemplateTokenKind.Name:
                return token.Text switch
                {
                    "true" or "True" => new LiteralExpression(token.Line, true),
                    "false" or "False" => new LiteralExpression(token.Line, false),
                    "none" or "None" => new LiteralExpression(token.Line, null),
                    _ => Name(token),
                };
            case TemplateTokenKind.String:
                var text = new StringBuilder(token.Text);
                while (tokens.Is(TemplateTokenKind.String)) text.Append(tokens.Next().Text);
                return new LiteralExpression(token.Line, text.ToString());
            case TemplateTokenKind.Integer when long.TryParse(token.Text, CultureInfo.InvariantCulture, out var whole):
                return new LiteralExpression(token.Line, whole);
            case TemplateTokenKind.Float when double.TryParse(token.Text, CultureInfo.InvariantCulture, out var real):
                return new LiteralExpression(token.Line, real);
            case TemplateTokenKind.Operator when token.Text == "(":
                return ParseBracketed(token.Line);
            case TemplateTokenKind.Operator when token.Text == "[":
                return new ListExpression(token.Line, ParseItems("]"));
            case TemplateTokenKind.Operator when token.Text == "{":
                return ParseMap(token.Line);
            default:
                throw tokens.Error($"expected a value, found '{token.Text}'");
        }
    }

    private NameExpression Name(TemplateToken token)
    {
        if (_names.TryPeek(out var names)) names.Add(token.Text);
        return new NameExpression(token.Line, token.Text);
    }

    private Expression ParseBracketed(int line)
    {
        if (tokens.TryOperator(")")) return new ListExpression(line, [], IsTuple: true);
        var value = ParseTuple();
        tokens.ExpectOperator(")");
        return value;
    }

    private List<Expression> ParseItems(string closing)
    {
        var items = new List<Expression>();
        while (!tokens.TryOperator(closing))
        {
            items.Add(Parse());
            if (!tokens.IsOperator(closing)) tokens.ExpectOperator(",");
        }

        return items;
    }

    private MapExpression ParseMap(int line)
    {
        var entries = new List<(Expression, Expression)>();
        while (!tokens.TryOperator("}"))
        {
            var key = Parse();
            tokens.ExpectOperator(":");
            entries.Add((key, Parse()));
            if (!tokens.IsOperator("}")) tokens.ExpectOperator(",");
        }

        return new MapExpression(line, entries);
    }

    private Expression ParseSuffixes(Expression value, bool withAccess, bool withFilters)
    {
        while (true)
        {
            var line = tokens.Line;
            if (withAccess && tokens.TryOperator(".")) value = ParseMember(value, line);
            else if (withAccess && tokens.TryOperator("[")) value = ParseIndex(value, line);
            else if (withAccess && tokens.IsOperator("(")) value = new CallExpression(line, value, ParseArguments());
            else if (withFilters && tokens.TryOperator("|"))
            {
                var name = tokens.ExpectName();
                value = new FilterExpression(line, value, name, tokens.IsOperator("(") ? ParseArguments() : CallArguments.None);
            }
            else if (withFilters && tokens.TryKeyword("is")) value = ParseTest(value, line);
            else return value;
        }
    }

    private Expression ParseMember(Expression value, int line)
    {
        if (tokens.Is(TemplateTokenKind.Integer))
            return new IndexExpression(line, value, ParsePrimary());
        return new AttributeExpression(line, value, tokens.ExpectName());
    }

    private Expression ParseIndex(Expression value, int line)
    {
        Expression? start = null, stop = null, step = null;
        if (!tokens.IsOperator(":")) start = Parse();
        if (start is not null && tokens.TryOperator("]")) return new IndexExpression(line, value, start);
        tokens.ExpectOperator(":");
        if (!tokens.IsOperator(":") && !tokens.IsOperator("]")) stop = Parse();
        if (tokens.TryOperator(":") && !tokens.IsOperator("]")) step = Parse();
        tokens.ExpectOperator("]");
        return new SliceExpression(line, value, start, stop, step);
    }

    private TestExpression ParseTest(Expression value, int line)
    {
        var negated = tokens.TryKeyword("not");
        var name = tokens.ExpectName();
        var arguments = CallArguments.None;
        if (tokens.IsOperator("(")) arguments = ParseArguments();
        else if (TestsWithArgument.Contains(name))
            arguments = new CallArguments([ParseSuffixes(ParsePrimary(), withAccess: true, withFilters: false)], []);
        return new TestExpression(line, value, name, arguments, negated);
    }
}

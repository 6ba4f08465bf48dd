namespace Horizon.Flow.Text.Templates;

/// <summary>Parses the statements of a template: if, for, set, with, macro, call, filter, block, generation, break and continue.</summary>
internal sealed class StatementParser
{
    private readonly TokenReader _tokens;
    private readonly ExpressionParser _expressions;
    private readonly HashSet<string> _blocks = [];
    private int _loops;

    private StatementParser(TokenReader tokens)
    {
        _tokens = tokens;
        _expressions = new ExpressionParser(tokens);
    }

    /// <summary>Whether the template marks what the assistant says.</summary>
    public bool HasGeneration { get; private set; }

    /// <summary>Parses a whole template.</summary>
    /// <exception cref="HorizonException">It is not one that this subset of Jinja knows; names the line.</exception>
    public static (IReadOnlyList<Statement> Body, bool HasGeneration) Parse(string source, string name)
    {
        var tokens = new TokenReader(TemplateLexer.Read(source, name), name);
        var parser = new StatementParser(tokens);
        var body = parser.ParseBody();
        if (!tokens.Is(TemplateTokenKind.End)) throw tokens.Error($"'{tokens.Following.Text}' closes nothing");
        return (body, parser.HasGeneration);
    }

    /// <summary>Statements up to the end or to a tag that begins with one of the closing words, whose opening is left in place.</summary>
    private List<Statement> ParseBody(params string[] closing) => _tokens.Nested(() =>
    {
        var body = new List<Statement>();
        while (true)
        {
            var line = _tokens.Line;
            switch (_tokens.Current.Kind)
            {
                case TemplateTokenKind.Data:
                    body.Add(new DataStatement(line, _tokens.Next().Text));
                    break;
                case TemplateTokenKind.OutputBegin:
                    _tokens.Next();
                    body.Add(new OutputStatement(line, _expressions.ParseTuple()));
                    _tokens.Expect(TemplateTokenKind.OutputEnd, "}}");
                    break;
                case TemplateTokenKind.BlockBegin when _tokens.Following.Kind == TemplateTokenKind.Name && IsClosing(_tokens.Following.Text):
                    return body;
                case TemplateTokenKind.BlockBegin:
                    _tokens.Next();
                    body.Add(ParseStatement(line));
                    break;
                default:
                    if (closing.Length > 0) throw _tokens.Error($"'{closing[^1]}' is missing");
                    return body;
            }
        }

        bool IsClosing(string word) =>
            closing.Contains(word) || (closing.Length == 0 && (word is "else" or "elif" || word.StartsWith("end", StringComparison.Ordinal)));
    });

    private Statement ParseStatement(int line)
    {
        var word = _tokens.ExpectName();
        switch (word)
        {
            case "if": return ParseIf(line);
            case "for": return ParseFor(line);
            case "set": return ParseSet(line);
            case "macro": return ParseMacro(line);
            case "call": return ParseCall(line);
            case "with": return ParseWith(line);
            case "filter":
                var filters = _expressions.ParseFilters();
                EndTag();
                return new FilterStatement(line, filters, ParseBlock("endfilter"));
            case "block": return ParseNamedBlock(line);
            case "generation":
                HasGeneration = true;
                EndTag();
                return new GenerationStatement(line, ParseBlock("endgeneration"));
            case "break" or "continue" when _loops > 0:
                EndTag();
                return new JumpStatement(line, word == "break");
            default:
                throw _tokens.Error(
                    $"'{word}' is no statement here; known are if, for, set, with, macro, call, filter, block, raw, generation, and in loops break and continue");
        }
    }

    private List<Statement> ParseBlock(string end)
    {
        var body = ParseBody(end);
        OpenTag(end);
        EndTag();
        return body;
    }

    private IfStatement ParseIf(int line)
    {
        var branches = new List<(Expression, IReadOnlyList<Statement>)>();
        List<Statement> otherwise = [];
        do
        {
            var condition = _expressions.ParseTuple();
            EndTag();
            branches.Add((condition, ParseBody("elif", "else", "endif")));
            _tokens.Next();
        }
        while (_tokens.TryKeyword("elif"));

        if (_tokens.TryKeyword("else"))
        {
            EndTag();
            otherwise = ParseBody("endif");
            _tokens.Next();
        }

        _tokens.ExpectKeyword("endif");
        EndTag();
        return new IfStatement(line, branches, otherwise);
    }

    private ForStatement ParseFor(int line)
    {
        var targets = ParseTargets();
        _tokens.ExpectKeyword("in");
        var items = _expressions.ParseOr();
        var filter = _tokens.TryKeyword("if") ? _expressions.Parse() : null;
        var isRecursive = _tokens.TryKeyword("recursive");
        EndTag();
        _loops++;
        var body = ParseBody("else", "endfor");
        _loops--;
        List<Statement> otherwise = [];
        _tokens.Next();
        if (_tokens.TryKeyword("else"))
        {
            EndTag();
            otherwise = ParseBody("endfor");
            _tokens.Next();
        }

        _tokens.ExpectKeyword("endfor");
        EndTag();
        return new ForStatement(line, targets, items, filter, body, otherwise, isRecursive);
    }

    private Statement ParseSet(int line)
    {
        var targets = ParseTargets();
        var attribute = targets.Count == 1 && _tokens.TryOperator(".") ? _tokens.ExpectName() : null;
        if (targets.Count == 1 && (_tokens.Is(TemplateTokenKind.BlockEnd) || _tokens.IsOperator("|")))
        {
            var filters = _tokens.TryOperator("|") ? _expressions.ParseFilters() : new FilterChain([]);
            EndTag();
            return new CaptureStatement(line, targets[0], attribute, filters, ParseBlock("endset"));
        }

        _tokens.ExpectOperator("=");
        var value = _expressions.ParseTuple();
        EndTag();
        return new SetStatement(line, targets, attribute, value);
    }

    private MacroStatement ParseMacro(int line)
    {
        var name = _tokens.ExpectName();
        return ParseMacroBody(line, name, ParseParameters(), "endmacro");
    }

    private List<(string, Expression?)> ParseParameters()
    {
        var parameters = new List<(string, Expression?)>();
        _tokens.ExpectOperator("(");
        while (!_tokens.TryOperator(")"))
        {
            var parameter = _tokens.ExpectName();
            parameters.Add((parameter, _tokens.TryOperator("=") ? _expressions.Parse() : null));
            if (!_tokens.IsOperator(")")) _tokens.ExpectOperator(",");
        }

        return parameters;
    }

    private MacroStatement ParseMacroBody(int line, string name, List<(string, Expression?)> parameters, string end)
    {
        EndTag();
        var loops = _loops;
        _loops = 0;
        var uses = _expressions.BeginNames();
        var body = ParseBlock(end);
        _expressions.EndNames();
        _loops = loops;
        return new MacroStatement(line, name, parameters, body, uses);
    }

    private CallStatement ParseCall(int line)
    {
        var parameters = _tokens.IsOperator("(") ? ParseParameters() : [];
        if (_expressions.Parse() is not CallExpression call) throw _tokens.Error("'call' needs a call of a macro");
        return new CallStatement(line, ParseMacroBody(line, "caller", parameters, "endcall"), call);
    }

    private WithStatement ParseWith(int line)
    {
        var variables = new List<(string, Expression)>();
        while (!_tokens.Is(TemplateTokenKind.BlockEnd))
        {
            var name = _tokens.ExpectName();
            _tokens.ExpectOperator("=");
            variables.Add((name, _expressions.Parse()));
            if (!_tokens.Is(TemplateTokenKind.BlockEnd)) _tokens.ExpectOperator(",");
        }

        EndTag();
        return new WithStatement(line, variables, ParseBlock("endwith"));
    }

    // No template extends another here, so that a block is its own content.
    private BlockStatement ParseNamedBlock(int line)
    {
        var name = _tokens.ExpectName();
        if (!_blocks.Add(name)) throw _tokens.Error($"the block '{name}' stands there twice");
        var isScoped = _tokens.TryKeyword("scoped");
        if (_tokens.TryKeyword("required")) throw _tokens.Error($"the block '{name}' is required, and no other template can give it here");
        EndTag();
        var loops = _loops;
        _loops = 0;
        var body = ParseBody("endblock");
        _loops = loops;
        OpenTag("endblock");
        _ = _tokens.TryKeyword(name);
        EndTag();
        return new BlockStatement(line, body, isScoped);
    }

    private List<string> ParseTargets()
    {
        var bracketed = _tokens.TryOperator("(");
        List<string> targets = [_tokens.ExpectName()];
        while (_tokens.TryOperator(",")) targets.Add(_tokens.ExpectName());
        if (bracketed) _tokens.ExpectOperator(")");
        return targets;
    }

    private void OpenTag(string word)
    {
        _tokens.Expect(TemplateTokenKind.BlockBegin, "a statement");
        _tokens.ExpectKeyword(word);
    }

    private void EndTag() => _tokens.Expect(TemplateTokenKind.BlockEnd, "the end of the tag");
}

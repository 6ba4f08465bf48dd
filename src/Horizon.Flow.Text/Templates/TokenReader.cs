namespace Horizon.Flow.Text.Templates;

/// <summary>A cursor over the tokens of a template, with the nesting limit that keeps parsing bounded.</summary>
internal sealed class TokenReader(List<TemplateToken> tokens, string name)
{
    private const int DeepestNesting = 100;

    private int _at;
    private int _depth;

    public TemplateToken Current => tokens[_at];

    public TemplateToken Following => tokens[Math.Min(_at + 1, tokens.Count - 1)];

    public int Line => Current.Line;

    public bool Is(TemplateTokenKind kind) => Current.Kind == kind;

    public bool IsOperator(string text) => Current.Kind == TemplateTokenKind.Operator && Current.Text == text;

    public bool IsKeyword(string text) => Current.Kind == TemplateTokenKind.Name && Current.Text == text;

    public TemplateToken Next()
    {
        var token = Current;
        if (_at < tokens.Count - 1) _at++;
        return token;
    }

    public bool TryOperator(string text) => IsOperator(text) && Take();

    public bool TryKeyword(string text) => IsKeyword(text) && Take();

    public void ExpectOperator(string text)
    {
        if (!TryOperator(text)) throw Error($"expected '{text}', found {Describe()}");
    }

    public void ExpectKeyword(string text)
    {
        if (!TryKeyword(text)) throw Error($"expected '{text}', found {Describe()}");
    }

    public void Expect(TemplateTokenKind kind, string what)
    {
        if (!Is(kind)) throw Error($"expected {what}, found {Describe()}");
        Next();
    }

    public string ExpectName()
    {
        if (!Is(TemplateTokenKind.Name)) throw Error($"expected a name, found {Describe()}");
        return Next().Text;
    }

    public T Nested<T>(Func<T> parse)
    {
        if (++_depth > DeepestNesting) throw Error($"is nested more than {DeepestNesting} deep");
        var result = parse();
        _depth--;
        return result;
    }

    public string Describe() => Current.Kind switch
    {
        TemplateTokenKind.End => "the end of the template",
        TemplateTokenKind.BlockEnd or TemplateTokenKind.OutputEnd => "the end of the tag",
        _ => $"'{Current.Text}'",
    };

    public HorizonException Error(string complaint) => new($"{name}, chat template, line {Line}: {complaint}.");

    private bool Take()
    {
        Next();
        return true;
    }
}

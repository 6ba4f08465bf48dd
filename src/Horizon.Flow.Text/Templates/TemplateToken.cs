namespace Horizon.Flow.Text.Templates;

/// <summary>What a token of a template is.</summary>
internal enum TemplateTokenKind
{
    /// <summary>Text that is copied to the output.</summary>
    Data,

    /// <summary>Opens an output expression: two braces.</summary>
    OutputBegin,

    /// <summary>Closes an output expression.</summary>
    OutputEnd,

    /// <summary>Opens a statement: brace and percent sign.</summary>
    BlockBegin,

    /// <summary>Closes a statement.</summary>
    BlockEnd,

    /// <summary>A name or keyword.</summary>
    Name,

    /// <summary>A string, its escapes resolved.</summary>
    String,

    /// <summary>A whole number.</summary>
    Integer,

    /// <summary>A number with a point or an exponent.</summary>
    Float,

    /// <summary>An operator or a bracket.</summary>
    Operator,

    /// <summary>The end of the template.</summary>
    End,
}

/// <summary>A token of a template with the line that it begins on.</summary>
internal readonly record struct TemplateToken(TemplateTokenKind Kind, string Text, int Line);

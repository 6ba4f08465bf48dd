using System.Text;
using System.Text.RegularExpressions;

namespace Horizon.Flow.Text.Templates;

/// <summary>
/// Cuts a template into tokens, with the white space rules that Hugging Face sets for chat templates: trim_blocks (the line break after
/// a statement goes) and lstrip_blocks (so does the indentation before one).
/// </summary>
internal sealed partial class TemplateLexer
{
    private static readonly string[] Operators =
        ["==", "!=", "<=", ">=", "//", "**", "+", "-", "*", "/", "%", "~", "<", ">", "=", ".", ",", ":", "|", "(", ")", "[", "]", "{", "}"];

    private readonly string _source;
    private readonly string _name;
    private readonly List<TemplateToken> _tokens = [];
    private int _at;
    private int _line = 1;

    private TemplateLexer(string source, string name)
    {
        _source = source.Replace("\r\n", "\n", StringComparison.Ordinal);
        if (_source.EndsWith('\n')) _source = _source[..^1];
        _name = name;
    }

    /// <summary>All tokens, closed by one of kind End.</summary>
    public static List<TemplateToken> Read(string source, string name)
    {
        var lexer = new TemplateLexer(source, name);
        lexer.Run();
        return lexer._tokens;
    }

    private void Run()
    {
        while (_at < _source.Length)
        {
            var open = FindOpening(_at);
            var data = _source[_at..open];
            var line = _line;
            _line += data.Count(c => c == '\n');
            if (open < _source.Length) data = TrimBefore(data, open);
            if (data.Length > 0) _tokens.Add(new TemplateToken(TemplateTokenKind.Data, data, line));
            _at = open;
            if (_at == _source.Length) break;
            switch (_source[_at + 1])
            {
                case '#': ReadComment(); break;
                case '{': ReadTag(TemplateTokenKind.OutputBegin, TemplateTokenKind.OutputEnd, "}}"); break;
                default:
                    if (!TryReadRaw()) ReadTag(TemplateTokenKind.BlockBegin, TemplateTokenKind.BlockEnd, "%}");
                    break;
            }
        }

        _tokens.Add(new TemplateToken(TemplateTokenKind.End, "", _line));
    }

    private int FindOpening(int from)
    {
        for (var i = from; i + 1 < _source.Length; i++)
            if (_source[i] == '{' && _source[i + 1] is '{' or '%' or '#') return i;
        return _source.Length;
    }

    /// <summary>The data before a tag, without what the tag strips.</summary>
    private string TrimBefore(string data, int open)
    {
        var mark = open + 2 < _source.Length ? _source[open + 2] : ' ';
        if (mark == '-') return data.TrimEnd();
        if (mark == '+' || _source[open + 1] == '{') return data;

        // lstrip_blocks: only blanks stand between the beginning of the line and the tag.
        var kept = data.AsSpan().TrimEnd([' ', '\t']).Length;
        var atLineStart = kept == 0 ? _at == 0 || _source[_at - 1] == '\n' : data[kept - 1] == '\n';
        return atLineStart ? data[..kept] : data;
    }

    private void ReadComment()
    {
        var close = _source.IndexOf("#}", _at + 2, StringComparison.Ordinal);
        if (close < 0) throw Error("a comment is not closed with #}");
        _line += _source.AsSpan(_at, close - _at).Count('\n');
        var strips = _source[close - 1] == '-';
        _at = close + 2;
        SkipAfter(strips, takesLineBreak: true);
    }

    /// <summary>`raw` … `endraw`: what stands between is text, with the white space rules of the two tags.</summary>
    private bool TryReadRaw()
    {
        var start = RawStart().Match(_source, _at);
        if (!start.Success) return false;
        _line += start.Value.Count(c => c == '\n');
        _at += start.Length;
        SkipAfter(start.Value[^3] == '-', takesLineBreak: false); // as in Jinja, whose trim_blocks leaves this one alone
        var end = RawEnd().Match(_source, _at);
        if (!end.Success) throw Error("'endraw' is missing");
        var line = _line;
        var text = TrimBefore(_source[_at..end.Index], end.Index);
        _line += _source.AsSpan(_at, end.Index + end.Length - _at).Count('\n');
        if (text.Length > 0) _tokens.Add(new TemplateToken(TemplateTokenKind.Data, text, line));
        _at = end.Index + end.Length;
        SkipAfter(end.Value[^3] == '-', takesLineBreak: end.Value[^3] is not ('-' or '+'));
        return true;
    }

    [GeneratedRegex(@"\G\{%[-+]?\s*raw\s*[-+]?%\}", RegexOptions.CultureInvariant)]
    private static partial Regex RawStart();

    [GeneratedRegex(@"\{%[-+]?\s*endraw\s*[-+]?%\}", RegexOptions.CultureInvariant)]
    private static partial Regex RawEnd();

    private void ReadTag(TemplateTokenKind begin, TemplateTokenKind end, string closing)
    {
        _tokens.Add(new TemplateToken(begin, "", _line));
        _at += 2;
        if (_at < _source.Length && _source[_at] is '-' or '+') _at++;
        var depth = 0; // of braces, so that a map may end right before the tag does
        while (true)
        {
            SkipBlanks();
            if (_at >= _source.Length) throw Error($"a tag is not closed with {closing}");
            var rest = _source.AsSpan(_at);
            if (depth == 0 && rest.StartsWith(closing, StringComparison.Ordinal))
            {
                _at += 2;
                Close(strips: false, takesLineBreak: end == TemplateTokenKind.BlockEnd);
                return;
            }

            if (depth == 0 && rest.Length > 2 && rest[0] is '-' or '+' && rest[1..].StartsWith(closing, StringComparison.Ordinal))
            {
                var strips = rest[0] == '-';
                _at += 3;
                Close(strips, takesLineBreak: false);
                return;
            }

            depth += ReadOne();
        }

        void Close(bool strips, bool takesLineBreak)
        {
            _tokens.Add(new TemplateToken(end, "", _line));
            SkipAfter(strips, takesLineBreak);
        }
    }

    private void SkipAfter(bool strips, bool takesLineBreak)
    {
        if (strips) SkipBlanks();
        else if (takesLineBreak && _at < _source.Length && _source[_at] == '\n')
        {
            _line++;
            _at++;
        }
    }

    private void SkipBlanks()
    {
        for (; _at < _source.Length && char.IsWhiteSpace(_source[_at]); _at++)
            if (_source[_at] == '\n') _line++;
    }

    /// <summary>Reads a token of an expression; gives by how much the braces' depth changes.</summary>
    private int ReadOne()
    {
        var c = _source[_at];
        if (c is '\'' or '"') ReadString(c);
        else if (char.IsAsciiDigit(c)) ReadNumber();
        else if (char.IsLetter(c) || c == '_') Take(TemplateTokenKind.Name, x => char.IsLetterOrDigit(x) || x == '_');
        else
        {
            var found = Array.Find(Operators, op => string.CompareOrdinal(_source, _at, op, 0, op.Length) == 0)
                ?? throw Error($"the character '{c}' has no meaning here");
            _tokens.Add(new TemplateToken(TemplateTokenKind.Operator, found, _line));
            _at += found.Length;
            return found switch { "{" => 1, "}" => -1, _ => 0 };
        }

        return 0;
    }

    private void Take(TemplateTokenKind kind, Func<char, bool> belongs)
    {
        var start = _at;
        while (_at < _source.Length && belongs(_source[_at])) _at++;
        _tokens.Add(new TemplateToken(kind, _source[start.._at], _line));
    }

    private void ReadNumber()
    {
        var start = _at;
        SkipDigits();
        var kind = TemplateTokenKind.Integer;
        if (_at + 1 < _source.Length && _source[_at] == '.' && char.IsAsciiDigit(_source[_at + 1]))
        {
            kind = TemplateTokenKind.Float;
            _at++;
            SkipDigits();
        }

        if (_at < _source.Length && _source[_at] is 'e' or 'E')
        {
            kind = TemplateTokenKind.Float;
            _at++;
            if (_at < _source.Length && _source[_at] is '+' or '-') _at++;
            SkipDigits();
        }

        _tokens.Add(new TemplateToken(kind, _source[start.._at].Replace("_", "", StringComparison.Ordinal), _line));

        void SkipDigits()
        {
            while (_at < _source.Length && (char.IsAsciiDigit(_source[_at]) || _source[_at] == '_')) _at++;
        }
    }

    private void ReadString(char quote)
    {
        var line = _line;
        var text = new StringBuilder();
        for (_at++; ; _at++)
        {
            if (_at >= _source.Length) throw Error("a string is not closed");
            var c = _source[_at];
            if (c == quote) break;
            if (c == '\n') _line++;
            if (c != '\\' || _at + 1 >= _source.Length)
            {
                text.Append(c);
                continue;
            }

            _at++;
            AppendEscape(text);
        }

        _at++;
        _tokens.Add(new TemplateToken(TemplateTokenKind.String, text.ToString(), line));
    }

    private void AppendEscape(StringBuilder text)
    {
        var c = _source[_at];
        var digits = c switch { 'x' => 2, 'u' => 4, _ => 0 };
        if (digits > 0)
        {
            if (_at + digits >= _source.Length || !_source.AsSpan(_at + 1, digits).ToString().All(char.IsAsciiHexDigit))
                throw Error($"\\{c} needs {digits} hexadecimal digits");
            text.Append((char)Convert.ToInt32(_source.Substring(_at + 1, digits), 16));
            _at += digits;
            return;
        }

        if (c == '\n') _line++;
        _ = c switch
        {
            'n' => text.Append('\n'),
            't' => text.Append('\t'),
            'r' => text.Append('\r'),
            'b' => text.Append('\b'),
            'f' => text.Append('\f'),
            'v' => text.Append('\v'),
            'a' => text.Append('\a'),
            '0' => text.Append('\0'),
            '\\' or '\'' or '"' => text.Append(c),
            '\n' => text, // a continued line
            _ => text.Append('\\').Append(c), // as in Python: not an escape
        };
    }

    private HorizonException Error(string complaint) => new($"{_name}, chat template, line {_line}: {complaint}.");
}

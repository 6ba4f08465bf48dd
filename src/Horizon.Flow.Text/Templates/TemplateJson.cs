using System.Globalization;
using System.Text;

namespace Horizon.Flow.Text.Templates;

/// <summary>Writes values as JSON, as Python's json.dumps with the settings of Hugging Face's tojson: non-ASCII characters as they are unless asked.</summary>
internal sealed class TemplateJson(TemplateBudget budget, int? indent, (string Items, string Keys) separators, bool sortKeys, bool ensureAscii)
{
    private readonly StringBuilder _result = new();

    public string Write(object? value)
    {
        WriteValue(value, 0);
        return _result.ToString();
    }

    private void WriteValue(object? value, int depth)
    {
        budget.Enter();
        budget.Step();
        switch (SafeText.Plain(value))
        {
            case null: _result.Append("null"); break;
            case bool b: _result.Append(b ? "true" : "false"); break;
            case long i: _result.Append(CultureInfo.InvariantCulture, $"{i}"); break;
            case double d: _result.Append(double.IsFinite(d) ? TemplateText.PrintReal(d) : double.IsNaN(d) ? "NaN" : d > 0 ? "Infinity" : "-Infinity"); break;
            case string text: WriteString(text); break;
            case List<object?> list:
                WriteAll('[', ']', depth, list, item => WriteValue(item, depth + 1));
                break;
            case OrderedDictionary<string, object?> map:
                WriteAll('{', '}', depth, sortKeys ? Sorted(map) : map, entry =>
                {
                    WriteString(entry.Key);
                    _result.Append(separators.Keys);
                    WriteValue(entry.Value, depth + 1);
                });
                break;
            default: throw budget.Error($"{TemplateText.Kind(value)} cannot be written as JSON");
        }

        budget.Leave();
    }

    private IEnumerable<KeyValuePair<string, object?>> Sorted(OrderedDictionary<string, object?> map)
    {
        budget.SpendPieces(map.Count);
        budget.Spend(map.Keys.Sum(key => 32L * key.Length));
        return map.OrderBy(entry => entry.Key, StringComparer.Ordinal);
    }

    private void WriteAll<T>(char open, char close, int depth, IEnumerable<T> items, Action<T> write)
    {
        _result.Append(open);
        var isFirst = true;
        foreach (var item in items)
        {
            budget.Spend(separators.Items.Length + separators.Keys.Length);
            if (!isFirst) _result.Append(separators.Items);
            isFirst = false;
            NewLine(depth + 1);
            write(item);
        }

        if (!isFirst) NewLine(depth);
        _result.Append(close);
    }

    private void NewLine(int depth)
    {
        if (indent is not { } width) return;
        budget.Spend((long)width * depth);
        _result.Append('\n').Append(' ', width * depth);
    }

    private void WriteString(string text)
    {
        budget.Spend(2L * text.Length);
        _result.Append('"');
        foreach (var c in text)
        {
            _ = c switch
            {
                '"' => _result.Append("\\\""),
                '\\' => _result.Append("\\\\"),
                '\n' => _result.Append("\\n"),
                '\r' => _result.Append("\\r"),
                '\t' => _result.Append("\\t"),
                '\b' => _result.Append("\\b"),
                '\f' => _result.Append("\\f"),
                < ' ' => Escape(c),
                > '~' when ensureAscii => Escape(c),
                _ => _result.Append(c),
            };
        }

        _result.Append('"');
    }

    private StringBuilder Escape(char c)
    {
        budget.Spend(6);
        return _result.Append(CultureInfo.InvariantCulture, $"\\u{(int)c:x4}");
    }
}

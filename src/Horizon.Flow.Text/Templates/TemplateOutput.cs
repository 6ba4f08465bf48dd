using System.Text;

namespace Horizon.Flow.Text.Templates;

/// <summary>What a template writes: text, and what is unseen between.</summary>
internal sealed class TemplateOutput(int capacity)
{
    private readonly StringBuilder _text = new(capacity);
    private List<object>? _parts;
    private int _done; // of the text that stands in the parts

    /// <summary>Characters, but for those that are unseen.</summary>
    public int Length => _text.Length;

    public void Write(string text) => _text.Append(text);

    public void Write(UnseenText text)
    {
        CutOff();
        _parts!.Add(text);
    }

    /// <summary>All of it: a string, or where something is unseen, that.</summary>
    public object Value => _parts is null ? _text.ToString() : Parts.Aggregate(UnseenText.Join);

    /// <summary>Strings, and what is unseen.</summary>
    public IReadOnlyList<object> Parts
    {
        get
        {
            CutOff();
            return _parts!;
        }
    }

    private void CutOff()
    {
        _parts ??= [];
        if (_text.Length == _done) return;
        _parts.Add(_text.ToString(_done, _text.Length - _done));
        _done = _text.Length;
    }
}

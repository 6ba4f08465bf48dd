namespace Horizon.Flow.Text.Tokenizers;

/// <summary>A text on its way through normalizers and pre-tokenizers that remembers where each of its characters came from.</summary>
internal sealed class AlignedText
{
    private readonly int _offset;
    private readonly int[]? _starts;
    private readonly int[]? _ends;

    /// <summary>A stretch of the source as it is, beginning at <paramref name="offset"/>.</summary>
    public AlignedText(string text, int offset)
    {
        Text = text;
        _offset = offset;
    }

    private AlignedText(string text, int[] starts, int[] ends)
    {
        Text = text;
        _starts = starts;
        _ends = ends;
    }

    public string Text { get; }

    /// <summary>Whether its characters are those of the source, one for one.</summary>
    public bool IsSource => _starts is null;

    public int StartOf(int index) => _starts is null ? _offset + index : _starts[index];

    public int EndOf(int index) => _ends is null ? _offset + index + 1 : _ends[index];

    /// <summary>Collects characters with their places.</summary>
    public sealed class Builder(int capacity)
    {
        private char[] _text = new char[capacity];
        private int[] _starts = new int[capacity];
        private int[] _ends = new int[capacity];

        public int Length { get; private set; }

        public void Append(char character, int start, int end)
        {
            if (Length == _text.Length)
            {
                var size = Math.Max(16, Length * 2);
                Array.Resize(ref _text, size);
                Array.Resize(ref _starts, size);
                Array.Resize(ref _ends, size);
            }

            _text[Length] = character;
            _starts[Length] = start;
            _ends[Length++] = end;
        }

        public void Append(string text, int start, int end)
        {
            foreach (var character in text) Append(character, start, end);
        }

        public AlignedText Build() => new(new string(_text, 0, Length), _starts, _ends);
    }
}

namespace Horizon.Flow.Text.Tokenizers;

/// <summary>A stretch of a text; what the pre-tokenizers hand to the model.</summary>
internal readonly record struct Piece(AlignedText Source, int Start, int Length)
{
    public Piece(AlignedText source)
        : this(source, 0, source.Text.Length)
    {
    }

    public ReadOnlySpan<char> Span => Source.Text.AsSpan(Start, Length);

    public Piece Slice(int start, int length) => new(Source, Start + start, length);

    public int SourceStart(int index) => Source.StartOf(Start + index);

    public int SourceEnd(int index) => Source.EndOf(Start + index);
}

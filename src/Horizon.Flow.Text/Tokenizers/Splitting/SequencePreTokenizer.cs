namespace Horizon.Flow.Text.Tokenizers;

/// <summary>One pre-tokenizer after the other.</summary>
internal sealed class SequencePreTokenizer(IReadOnlyList<IPreTokenizer> steps) : IPreTokenizer
{
    public List<Piece> Split(List<Piece> pieces) => steps.Aggregate(pieces, (current, step) =>
    {
        var next = step.Split(current);
        TextGrowth.Check(next.Sum(piece => (long)piece.Length), pieces.Sum(piece => (long)piece.Length));
        return next;
    });
}

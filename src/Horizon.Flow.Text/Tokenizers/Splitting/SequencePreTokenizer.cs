namespace Horizon.Flow.Text;

/// <summary>One pre-tokenizer after the other.</summary>
internal sealed class SequencePreTokenizer(IReadOnlyList<IPreTokenizer> steps) : IPreTokenizer
{
    public List<Piece> Split(List<Piece> pieces) => steps.Aggregate(pieces, (current, step) => step.Split(current));
}

namespace Horizon.Flow.Text.Tokenizers;

/// <summary>One pre-tokenizer after the other.</summary>
internal sealed class SequencePreTokenizer(IReadOnlyList<IPreTokenizer> steps) : IPreTokenizer
{
    /// <summary>The steps, none of them a sequence itself.</summary>
    public IReadOnlyList<IPreTokenizer> Steps { get; } = [.. steps.SelectMany(step => step is SequencePreTokenizer inner ? inner.Steps : [step])];

    public void Split(Piece piece, Action<Piece> give)
    {
        for (var i = Steps.Count - 1; i >= 0; i--)
        {
            var (step, next, made) = (Steps[i], give, 0L);
            give = part => step.Split(part, one =>
            {
                TextGrowth.Check(made += one.Length, piece.Length);
                next(one);
            });
        }

        give(piece);
    }
}

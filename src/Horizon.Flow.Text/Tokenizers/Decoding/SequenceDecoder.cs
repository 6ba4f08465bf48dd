namespace Horizon.Flow.Text.Tokenizers;

/// <summary>One decoder after the other.</summary>
internal sealed class SequenceDecoder(IReadOnlyList<IDecoder> steps) : IDecoder
{
    public List<string> Decode(List<string> tokens) => steps.Aggregate(tokens, (current, step) =>
    {
        var next = step.Decode(current);
        TextGrowth.Check(next.Sum(token => (long)token.Length), tokens.Sum(token => (long)token.Length));
        return next;
    });
}

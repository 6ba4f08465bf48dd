namespace Horizon.Flow.Text.Tokenizers;

/// <summary>One normalizer after the other.</summary>
internal sealed class SequenceNormalizer(IReadOnlyList<INormalizer> normalizers) : INormalizer
{
    public AlignedText Normalize(AlignedText text) => normalizers.Aggregate(text, (current, normalizer) =>
    {
        var next = normalizer.Normalize(current);
        TextGrowth.Check(next.Text.Length, text.Text.Length);
        return next;
    });
}

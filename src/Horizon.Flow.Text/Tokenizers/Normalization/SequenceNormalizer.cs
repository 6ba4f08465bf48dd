namespace Horizon.Flow.Text;

/// <summary>One normalizer after the other.</summary>
internal sealed class SequenceNormalizer(IReadOnlyList<INormalizer> normalizers) : INormalizer
{
    public AlignedText Normalize(AlignedText text) => normalizers.Aggregate(text, (current, normalizer) => normalizer.Normalize(current));
}

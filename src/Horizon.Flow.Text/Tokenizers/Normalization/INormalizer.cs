namespace Horizon.Flow.Text.Tokenizers;

/// <summary>Rewrites a text before it is split; normalizers of tokenizer.json.</summary>
internal interface INormalizer
{
    AlignedText Normalize(AlignedText text);
}

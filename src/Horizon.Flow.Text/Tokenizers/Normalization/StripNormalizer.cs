namespace Horizon.Flow.Text.Tokenizers;

/// <summary>Takes white space from the ends.</summary>
internal sealed class StripNormalizer(bool left, bool right) : INormalizer
{
    public AlignedText Normalize(AlignedText text)
    {
        var start = 0;
        var end = text.Text.Length;
        while (left && start < end && char.IsWhiteSpace(text.Text[start])) start++;
        while (right && end > start && char.IsWhiteSpace(text.Text[end - 1])) end--;
        if (end - start == text.Text.Length) return text;
        var builder = new AlignedText.Builder(end - start);
        for (var i = start; i < end; i++) builder.Append(text.Text[i], text.StartOf(i), text.EndOf(i));
        return builder.Build();
    }
}

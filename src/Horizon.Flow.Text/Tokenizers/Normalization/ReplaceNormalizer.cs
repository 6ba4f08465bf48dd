using System.Text.RegularExpressions;

namespace Horizon.Flow.Text.Tokenizers;

/// <summary>Replaces every match of a pattern by a fixed string.</summary>
internal sealed class ReplaceNormalizer(Regex pattern, string content, PatternClock clock) : INormalizer
{
    public AlignedText Normalize(AlignedText text)
    {
        AlignedText.Builder? builder = null;
        var done = 0;
        var watch = clock.Watch(text.Text.Length);
        foreach (var match in pattern.EnumerateMatches(text.Text))
        {
            watch.Matched();
            builder ??= new AlignedText.Builder(text.Text.Length + 16);
            Copy(match.Index);
            var start = match.Length > 0 ? text.StartOf(match.Index) : match.Index > 0 ? text.EndOf(match.Index - 1) : text.StartOf(0);
            builder.Append(content, start, match.Length > 0 ? text.EndOf(match.Index + match.Length - 1) : start);
            TextGrowth.Check(builder.Length, text.Text.Length);
            done = match.Index + match.Length;
        }

        watch.End();
        if (builder is null) return text;
        Copy(text.Text.Length);
        return builder.Build();

        void Copy(int end)
        {
            for (; done < end; done++) builder.Append(text.Text[done], text.StartOf(done), text.EndOf(done));
        }
    }
}

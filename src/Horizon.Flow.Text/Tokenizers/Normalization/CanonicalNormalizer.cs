using System.Buffers;
using System.Text;

namespace Horizon.Flow.Text.Tokenizers;

/// <summary>Unicode normal forms C and D (Unicode Standard Annex 15), keeping track of where characters come from.</summary>
internal sealed class CanonicalNormalizer(bool compose) : INormalizer
{
    private static readonly SearchValues<char> UnsettledOrHalf = SearchValues.Create(
        [.. CanonicalData.Unsettled.Where(c => c <= char.MaxValue).Select(c => (char)c), .. Enumerable.Range(0xD800, 0x800).Select(c => (char)c)]);

    /// <summary>Whether a text, and every part of it, surely stays as it is.</summary>
    public bool IsNormal(string text) =>
        // Below U+0300 (form C) or U+00C0 (form D) nothing ever changes.
        text.AsSpan().IndexOfAnyExceptInRange('\0', compose ? '\u02FF' : '\u00BF') < 0 || (compose && IsSettled(text));

    public AlignedText Normalize(AlignedText text)
    {
        if (IsNormal(text.Text)) return text;
        var builder = new AlignedText.Builder(text.Text.Length + 8);
        var stretch = new List<int>();
        for (int start = 0, end; start < text.Text.Length; start = end)
        {
            // A stretch is one settled character and the unsettled ones after it: nothing acts across its ends.
            stretch.Clear();
            end = start;
            do
            {
                var rune = Rune.GetRuneAt(text.Text, end);
                stretch.Add(rune.Value);
                end += rune.Utf16SequenceLength;
            }
            while (end < text.Text.Length && CanonicalData.Unsettled.Contains(Rune.GetRuneAt(text.Text, end).Value));

            if (compose && stretch.Count == 1 && !CanonicalData.Unsettled.Contains(stretch[0]))
                for (var i = start; i < end; i++) builder.Append(text.Text[i], text.StartOf(i), text.EndOf(i));
            else
                foreach (var c in Settle(stretch)) builder.Append(new Rune(c).ToString(), text.StartOf(start), text.EndOf(end - 1));
        }

        return builder.Build();
    }

    /// <summary>Whether all characters stay as they are, whatever stands beside them: so is most text.</summary>
    private static bool IsSettled(ReadOnlySpan<char> text)
    {
        while (text.IndexOfAny(UnsettledOrHalf) is >= 0 and var at)
        {
            if (!char.IsSurrogate(text[at])) return false;
            Rune.DecodeFromUtf16(text[at..], out var rune, out var length);
            if (CanonicalData.Unsettled.Contains(rune.Value)) return false;
            text = text[(at + length)..];
        }

        return true;
    }

    private List<int> Settle(List<int> stretch)
    {
        var parts = stretch.SelectMany(c => Hangul.Decompose(c) ?? CanonicalData.Decompositions.GetValueOrDefault(c) ?? [c]).ToList();
        Reorder(parts);
        return compose ? Compose(parts) : parts;
    }

    /// <summary>Sorts each run of marks by combining class; equal classes keep their order.</summary>
    private static void Reorder(List<int> parts)
    {
        for (int start = 0, end; start < parts.Count; start = end)
        {
            end = start + 1;
            if (Class(parts[start]) == 0) continue;
            while (end < parts.Count && Class(parts[end]) != 0) end++;
            if (end - start < 2) continue;
            var sorted = parts.GetRange(start, end - start).OrderBy(Class).ToList();
            for (var i = start; i < end; i++) parts[i] = sorted[i - start];
        }
    }

    private static List<int> Compose(List<int> parts)
    {
        var result = new List<int>();
        var starter = -1; // index in result
        var lastClass = 0;
        foreach (var c in parts)
        {
            var own = Class(c);
            // A mark is blocked by an equal or higher class between it and the starter; another starter must stand right beside it.
            var reachable = starter >= 0 && (starter == result.Count - 1 || (lastClass < own && lastClass != 0));
            if (reachable && Pair(result[starter], c) is { } composite)
            {
                result[starter] = composite;
                continue;
            }

            if (own == 0) starter = result.Count;
            lastClass = own;
            result.Add(c);
        }

        return result;
    }

    private static int? Pair(int first, int second) =>
        Hangul.Compose(first, second) ?? (CanonicalData.Compositions.TryGetValue((first, second), out var composite) ? composite : null);

    private static int Class(int c) => CanonicalData.Classes.GetValueOrDefault(c);
}

using System.Buffers;
using System.Text;

namespace Horizon.Flow.Text.Tokenizers;

/// <summary>Finds added tokens in a text: the leftmost first, of those the longest. The work is bounded by text × longest token.</summary>
internal sealed class AddedTokenFinder
{
    private readonly Node _root = new();
    private readonly SearchValues<char> _firsts;

    /// <param name="tokens">Tokens, with the text under which each is to be found.</param>
    public AddedTokenFinder(IEnumerable<(AddedToken Token, string Content)> tokens)
    {
        foreach (var (token, content) in tokens)
        {
            if (content.Length == 0) continue;
            var node = _root;
            foreach (var character in content)
            {
                if (!node.Next.TryGetValue(character, out var next)) node.Next[character] = next = new Node();
                node = next;
            }

            node.Token = token;
        }

        _firsts = SearchValues.Create([.. _root.Next.Keys]);
    }

    /// <summary>Where tokens stand, in order, none upon another.</summary>
    public List<(AddedToken Token, int Start, int End)> Find(ReadOnlySpan<char> text)
    {
        var found = new List<(AddedToken Token, int Start, int End)>();
        var done = 0; // the end of the last token, with the white space that it took
        for (var at = 0; at < text.Length;)
        {
            var step = text[at..].IndexOfAny(_firsts);
            if (step < 0) break;
            at += step;
            var (token, length) = LongestAt(text[at..]);
            if (token is null)
            {
                at++;
                continue;
            }

            int start = at, end = at + length;
            at = end;
            if (start < done || (token.SingleWord && !StandsAlone(text, start, end))) continue;
            while (token.TakesLeft && start > done && char.IsWhiteSpace(text[start - 1])) start--;
            while (token.TakesRight && end < text.Length && char.IsWhiteSpace(text[end])) end++;
            found.Add((token, start, end));
            done = end;
        }

        return found;
    }

    private (AddedToken? Token, int Length) LongestAt(ReadOnlySpan<char> text)
    {
        (AddedToken? Token, int Length) longest = default;
        var node = _root;
        for (var i = 0; i < text.Length && node.Next.TryGetValue(text[i], out node!); i++)
            if (node.Token is not null) longest = (node.Token, i + 1);
        return longest;
    }

    private static bool StandsAlone(ReadOnlySpan<char> text, int start, int end)
    {
        Rune.DecodeLastFromUtf16(text[..start], out var before, out var beforeLength);
        Rune.DecodeFromUtf16(text[end..], out var after, out var afterLength);
        return (beforeLength == 0 || !IsWord(before)) && (afterLength == 0 || !IsWord(after));

        static bool IsWord(Rune rune) => Rune.IsLetterOrDigit(rune) || rune.Value == '_';
    }

    private sealed class Node
    {
        public Dictionary<char, Node> Next { get; } = [];

        public AddedToken? Token { get; set; }
    }
}

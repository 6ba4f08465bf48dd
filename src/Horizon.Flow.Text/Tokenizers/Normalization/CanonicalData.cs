using System.Globalization;

namespace Horizon.Flow.Text.Tokenizers;

/// <summary>
/// The canonical decompositions, compositions and combining classes of Unicode (canonical.txt). Our own table, because
/// <c>string.Normalize</c> returns its input unchanged under InvariantGlobalization and depends on the machine's ICU elsewhere.
/// </summary>
internal static class CanonicalData
{
    /// <summary>Combining class of a character; 0 where absent.</summary>
    public static readonly Dictionary<int, byte> Classes = [];

    /// <summary>Full canonical decompositions, without Hangul.</summary>
    public static readonly Dictionary<int, int[]> Decompositions = [];

    /// <summary>Primary composites by their two parts, without Hangul.</summary>
    public static readonly Dictionary<(int First, int Second), int> Compositions = [];

    /// <summary>Characters that NFC changes or moves, or that may melt into the one before: all others are left alone.</summary>
    public static readonly HashSet<int> Unsettled = [];

    static CanonicalData()
    {
        using var reader = new StreamReader(typeof(CanonicalData).Assembly.GetManifestResourceStream("canonical.txt")!);
        var pairs = new Dictionary<int, (int First, int Second)>();
        while (reader.ReadLine() is { } line)
        {
            if (line.StartsWith('#')) continue;
            var split = line.IndexOfAny(['-', '=', '>']);
            var head = Hex(line[..split]);
            var rest = line[(split + 1)..];
            switch (line[split])
            {
                case '-':
                    var colon = rest.IndexOf(':', StringComparison.Ordinal);
                    for (var c = head; c <= Hex(rest[..colon]); c++)
                    {
                        Classes[c] = byte.Parse(rest[(colon + 1)..], CultureInfo.InvariantCulture);
                        Unsettled.Add(c);
                    }

                    break;
                case '=':
                    var parts = rest.Split(' ').Select(Hex).ToArray();
                    pairs[head] = (parts[0], parts[1]);
                    Compositions[(parts[0], parts[1])] = head;
                    Unsettled.Add(parts[1]);
                    break;
                default:
                    Decompositions[head] = [.. rest.Split(' ').Select(Hex)];
                    Unsettled.Add(head);
                    break;
            }
        }

        foreach (var composite in pairs.Keys) Decompositions[composite] = [.. Expand(composite)];
        for (var c = Hangul.VowelBase; c < Hangul.VowelBase + Hangul.VowelCount; c++) Unsettled.Add(c);
        for (var c = Hangul.TrailBase + 1; c < Hangul.TrailBase + Hangul.TrailCount; c++) Unsettled.Add(c);

        IEnumerable<int> Expand(int c) => pairs.TryGetValue(c, out var pair) ? Expand(pair.First).Concat(Expand(pair.Second)) : [c];
    }

    private static int Hex(string text) => int.Parse(text, NumberStyles.HexNumber, CultureInfo.InvariantCulture);
}

using System.Text;

namespace Horizon.Flow.Tests.Hostile;

/// <summary>Damages bytes; the same random numbers do the same damage.</summary>
public static class Mutator
{
    private const int Numbers = 12;

    private static readonly byte[][] Snippets = [.. new[]
    {
        "0", "-1", "1e9", "1e999", "0.5", "9223372036854775807", "9223372036854775808", "18446744073709551616", "4294967296", "2147483647", "16777215", "-0",
        "null", "true", "\"\"", "{}", "[]", "[[[[[[[[", "{\"a\":{\"a\":{\"a\":{\"a\":", "\"\\ud800\"", "\"\\u0000\"", "\"\\u001b[2J\"", ",", ":", "}", "]", "\n", "\r\n",
        "\"__metadata__\":{},", "../", "/etc/passwd", "..", "F64", "F4", "BOOL", "I64", "Q", "(", "(a+)+$", "\\p{L}", "&a ", "*a", "!!int ", "---\n", "{{", "%}", "{% for a in b %}",
    }.Select(Encoding.UTF8.GetBytes), [0xFF], [0xC3, 0x28], [0], [0xEF, 0xBB, 0xBF], [0xED, 0xA0, 0x80], [0x1B, 0x5B, 0x32, 0x4A]];

    /// <summary>A copy with one to four changes.</summary>
    public static byte[] Apply(byte[] original, Random random)
    {
        var bytes = original.ToList();
        for (var left = random.Next(1, 5); left > 0; left--)
        {
            var at = random.Next(bytes.Count + 1);
            var length = Math.Min(random.Next(1, 40), bytes.Count - at);
            switch (random.Next(8))
            {
                case 0 when at < bytes.Count:
                    bytes[at] = (byte)random.Next(256);
                    break;
                case 1 when at < bytes.Count:
                    bytes[at] ^= (byte)(1 << random.Next(8));
                    break;
                case 2:
                    bytes.RemoveRange(at, length);
                    break;
                case 3:
                    bytes.InsertRange(random.Next(bytes.Count + 1), bytes.GetRange(at, length));
                    break;
                case 4:
                    ReplaceNumber(bytes, at, random);
                    break;
                case 5:
                    ReplaceText(bytes, at, random);
                    break;
                case 6:
                    bytes.RemoveRange(at, bytes.Count - at);
                    break;
                default:
                    bytes.InsertRange(at, Snippets[random.Next(Snippets.Length)]);
                    break;
            }
        }

        return [.. bytes];
    }

    /// <summary>A number, or one of the values that readers trip over.</summary>
    public static string AnyNumber(Random random) =>
        random.Next(3) == 0 ? Encoding.UTF8.GetString(Snippets[random.Next(Numbers)]) : $"{random.Next(100)}";

    /// <summary>A scrap of some file format.</summary>
    public static byte[] AnySnippet(Random random) => Snippets[random.Next(Snippets.Length)];

    private static void ReplaceNumber(List<byte> bytes, int at, Random random)
    {
        var begin = bytes.FindIndex(at, b => char.IsAsciiDigit((char)b));
        if (begin < 0) return;
        var end = bytes.FindIndex(begin, b => !char.IsAsciiDigit((char)b));
        Replace(bytes, begin, end, Encoding.UTF8.GetBytes(AnyNumber(random)));
    }

    private static void ReplaceText(List<byte> bytes, int at, Random random)
    {
        var begin = bytes.IndexOf((byte)'"', at);
        if (begin < 0) return;
        Replace(bytes, begin + 1, bytes.IndexOf((byte)'"', begin + 1), AnySnippet(random));
    }

    private static void Replace(List<byte> bytes, int begin, int end, byte[] value)
    {
        bytes.RemoveRange(begin, (end < 0 ? bytes.Count : end) - begin);
        bytes.InsertRange(begin, value);
    }
}

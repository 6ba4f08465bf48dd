using System.Text;
using FsCheck;

namespace Horizon.Flow.Host.Tests;

/// <summary>Damages bytes as a script says; the same script does the same damage.</summary>
public static class Mutator
{
    private static readonly byte[][] Snippets = [.. new[]
    {
        "0", "-1", "1e9", "1e999", "0.5", "9223372036854775807", "9223372036854775808", "18446744073709551616", "4294967296",
        "null", "true", "\"\"", "{}", "[]", "[[[[[[[[", "{\"a\":{\"a\":{\"a\":{\"a\":", "\"\\ud800\"", "\"\\u0000\"", ",", ":", "}", "]",
        "\"__metadata__\":{},", "../", "/etc/passwd", "..", "F64", "F4", "BOOL", "I64", "Q",
    }.Select(Encoding.UTF8.GetBytes), [0xFF], [0xC3, 0x28], [0], [0xEF, 0xBB, 0xBF]];

    public static byte[] Apply(byte[] original, DoNotSize<int>[] script)
    {
        var bytes = original.ToList();
        foreach (var word in script.Take(4))
        {
            var random = new Random(word.Item);
            var at = random.Next(bytes.Count + 1);
            var length = Math.Min(random.Next(1, 40), bytes.Count - at);
            switch (random.Next(7))
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
                    bytes.RemoveRange(at, bytes.Count - at);
                    break;
                default:
                    bytes.InsertRange(at, Snippets[random.Next(Snippets.Length)]);
                    break;
            }
        }

        return [.. bytes];
    }

    private static void ReplaceNumber(List<byte> bytes, int at, Random random)
    {
        var begin = bytes.FindIndex(at, b => char.IsAsciiDigit((char)b));
        if (begin < 0) return;
        var end = bytes.FindIndex(begin, b => !char.IsAsciiDigit((char)b));
        bytes.RemoveRange(begin, (end < 0 ? bytes.Count : end) - begin);
        bytes.InsertRange(begin, random.Next(2) == 0 ? Snippets[random.Next(9)] : Encoding.UTF8.GetBytes($"{random.Next(100_000)}"));
    }
}

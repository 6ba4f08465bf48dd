namespace Horizon.Flow.Text.Tokenizers;

/// <summary>
/// GPT-2's printable stand-ins for the 256 byte values: visible Latin-1 characters stand for themselves, the others follow from U+0100.
/// </summary>
internal static class ByteAlphabet
{
    /// <summary>The character of a byte.</summary>
    public static readonly char[] Characters = new char[256];

    private static readonly short[] Bytes = new short[512];

    static ByteAlphabet()
    {
        Array.Fill(Bytes, (short)-1);
        var next = 256;
        for (var b = 0; b < 256; b++)
        {
            var visible = b is >= '!' and <= '~' or >= 0xA1 and <= 0xAC or >= 0xAE;
            Characters[b] = (char)(visible ? b : next++);
            Bytes[Characters[b]] = (short)b;
        }
    }

    /// <summary>The byte of a character, or -1 where it stands for none.</summary>
    public static int ByteOf(char character) => character < Bytes.Length ? Bytes[character] : -1;
}

namespace Horizon.Flow.Text.Tokenizers;

/// <summary>
/// How much longer the steps of a tokenizer may make a text. Their file is untrusted: forty of them, each of which doubles the text, would
/// fill any memory. Honest steps spell a character as a few others.
/// </summary>
internal static class TextGrowth
{
    private const int FreeCharacters = 1 << 10;
    private const int Times = 32;

    /// <exception cref="HorizonException">It is too much.</exception>
    public static void Check(long made, long from)
    {
        if (made > FreeCharacters + (Times * from))
            throw new HorizonException($"the tokenizer makes {made:N0} characters of {from:N0}: its tokenizer.json is damaged or hostile; fetch the file again");
    }
}

namespace Horizon.Flow.Text.Tokenizers;

/// <summary>Hangul syllables are composed by arithmetic (The Unicode Standard, section 3.12).</summary>
internal static class Hangul
{
    public const int SyllableBase = 0xAC00, LeadBase = 0x1100, VowelBase = 0x1161, TrailBase = 0x11A7;
    public const int LeadCount = 19, VowelCount = 21, TrailCount = 28, SyllableCount = LeadCount * VowelCount * TrailCount;

    /// <summary>The parts of a syllable, or null for any other character.</summary>
    public static int[]? Decompose(int c)
    {
        var index = c - SyllableBase;
        if (index is < 0 or >= SyllableCount) return null;
        var lead = LeadBase + index / (VowelCount * TrailCount);
        var vowel = VowelBase + index % (VowelCount * TrailCount) / TrailCount;
        var trail = TrailBase + index % TrailCount;
        return trail == TrailBase ? [lead, vowel] : [lead, vowel, trail];
    }

    /// <summary>The syllable of two parts, or null.</summary>
    public static int? Compose(int first, int second)
    {
        if (first is >= LeadBase and < LeadBase + LeadCount && second is >= VowelBase and < VowelBase + VowelCount)
            return SyllableBase + ((first - LeadBase) * VowelCount + second - VowelBase) * TrailCount;
        var isOpen = first is >= SyllableBase and < SyllableBase + SyllableCount && (first - SyllableBase) % TrailCount == 0;
        return isOpen && second is > TrailBase and < TrailBase + TrailCount ? first + second - TrailBase : null;
    }
}

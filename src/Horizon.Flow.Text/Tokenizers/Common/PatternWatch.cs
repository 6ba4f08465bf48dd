namespace Horizon.Flow.Text.Tokenizers;

/// <summary>Times one look through a text; for one thread.</summary>
internal sealed class PatternWatch(PatternClock clock)
{
    // A look at the clock costs about as much as a match.
    private const int MatchesAtOnce = 4;

    private long _since = clock.Now;
    private int _matches;

    /// <summary>A match was found, or looked for in vain.</summary>
    /// <exception cref="HorizonException">The tokenizer's patterns have taken too long.</exception>
    public void Matched()
    {
        // Little times are added up here: all threads share the clock.
        if (++_matches % MatchesAtOnce == 0 && clock.Now - _since >= clock.Share) End();
    }

    /// <summary>The look is over, or goes on.</summary>
    /// <exception cref="HorizonException">The tokenizer's patterns have taken too long.</exception>
    public void End()
    {
        var now = clock.Now;
        clock.Add(_since, now);
        _since = now;
    }
}

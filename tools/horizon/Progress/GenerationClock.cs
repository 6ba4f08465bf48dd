using System.Globalization;

namespace Horizon.Flow.Cli;

/// <summary>Counts the tokens of a text as they come, from the first one on: what comes before it is the prompt's.</summary>
internal sealed class GenerationClock(TimeProvider time)
{
    private long? _first;
    private long _last;
    private int _tokens;

    /// <summary>So many tokens have come.</summary>
    public void Add(int tokens)
    {
        if (tokens == 0) return;
        _last = time.GetTimestamp();
        _first ??= _last;
        _tokens += tokens;
    }

    /// <summary>How many tokens, and how many a second after the first.</summary>
    public string Describe()
    {
        var seconds = _first is { } first ? time.GetElapsedTime(first, _last).TotalSeconds : 0;
        var rate = _tokens > 1 && seconds > 0 ? string.Create(CultureInfo.InvariantCulture, $", {(_tokens - 1) / seconds:N1} tokens/s") : "";
        return string.Create(CultureInfo.InvariantCulture, $"{_tokens:N0} tokens{rate}");
    }
}

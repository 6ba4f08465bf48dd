using System.Globalization;

namespace Horizon.Flow.Text.Tokenizers;

/// <summary>
/// How long the patterns of one tokenizer may look for matches: in all, in proportion to the text that they have been given. A limit for each
/// match alone would let a hostile pattern be slow at every place of every text.
/// </summary>
internal sealed class PatternClock(TimeProvider time)
{
    // A thousand times what honest patterns take, so that a crowded machine does not matter.
    private static readonly TimeSpan Free = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan PerCharacter = TimeSpan.FromMicroseconds(20);

    private long _characters;
    private long _ticks;

    /// <summary>Begins to look through a text.</summary>
    public PatternWatch Watch(long characters)
    {
        Interlocked.Add(ref _characters, characters);
        return new PatternWatch(this);
    }

    internal long Now => time.GetTimestamp();

    /// <summary>The least difference of <see cref="Now"/> that is worth adding before a look is over: a hundredth of a second.</summary>
    internal long Share { get; } = time.TimestampFrequency / 100;

    /// <exception cref="HorizonException">All texts so far have taken too long.</exception>
    internal void Add(long from, long to)
    {
        var spent = TimeSpan.FromTicks(Interlocked.Add(ref _ticks, time.GetElapsedTime(from, to).Ticks));
        var characters = Interlocked.Read(ref _characters);
        if (spent <= Free + (PerCharacter * characters)) return;
        throw new HorizonException(string.Create(
            CultureInfo.InvariantCulture,
            $"the tokenizer's patterns have taken {spent.TotalSeconds:F0} s for {characters:N0} characters: its tokenizer.json is damaged or hostile; fetch the file again"));
    }
}

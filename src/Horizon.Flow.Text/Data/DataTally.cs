using System.Collections.Concurrent;
using System.Globalization;
using Horizon.Flow.Text.Tokenizers;

namespace Horizon.Flow.Text.Data;

/// <summary>Counts, while a data set is read, what its user should know. Safe to use from several threads.</summary>
internal sealed class DataTally
{
    private const int MostKeys = 1000; // a hostile file may have another key in every record
    private const int ShownKeys = 8;

    private readonly ConcurrentDictionary<string, int> _unused = new(StringComparer.Ordinal);
    private int _conversations;
    private int _ended;
    private bool _hasTemplates;

    /// <summary>A key was neither used nor known.</summary>
    public void CountUnused(string key)
    {
        if (_unused.Count < MostKeys || _unused.ContainsKey(key)) _unused.AddOrUpdate(key, 1, static (_, count) => count + 1);
    }

    /// <summary>A conversation with answers that are trained.</summary>
    /// <param name="hasEnd">Whether a token at which generation stops is trained in it.</param>
    public void CountConversation(bool hasEnd)
    {
        Interlocked.Increment(ref _conversations);
        if (hasEnd) Interlocked.Increment(ref _ended);
    }

    /// <summary>A chat template has written a document.</summary>
    public void SeeTemplate() => _hasTemplates = true;

    /// <summary>What the user should know, a sentence each.</summary>
    /// <param name="tokenizer">The data's tokenizer, if it has one.</param>
    /// <param name="today">The date that templates may write, where it is that of the day; null where the user set one.</param>
    public IEnumerable<string> Notices(ITokenizer? tokenizer, DateTime? today)
    {
        if (today is { } date && _hasTemplates && tokenizer?.ChatTemplate?.Mentions("strftime_now") == true)
            yield return string.Create(CultureInfo.InvariantCulture, $"the chat template writes today's date, {date:yyyy-MM-dd}: set data.date for the same tokens on any day.");
        if (!_unused.IsEmpty)
        {
            var keys = _unused.OrderByDescending(key => key.Value).ThenBy(key => key.Key, StringComparer.Ordinal)
                .Select(key => string.Create(CultureInfo.InvariantCulture, $"{key.Key}: {key.Value:N0}")).ToList();
            yield return $"keys that are neither used nor known, with how often they occur: {ShownNames.Show(keys, ShownKeys)}.";
        }

        if (_conversations == 0 || _ended > 0) yield break;
        var stops = tokenizer?.EndOfText is { Count: > 0 } ends
            ? $"ends in a token at which generation stops ({string.Join(", ", ends.Select(id => ShownNames.Show(tokenizer.Decode([id], skipSpecialTokens: false))))})"
            : "can end in a token at which generation stops, for the model folder names none";
        yield return $"no answer that is trained {stops}: the model will not learn to stop; "
            + "mend the chat template, or the eos_token_id of generation_config.json.";
    }
}

namespace Horizon.Flow.Runs.Loading;

/// <summary>Collects what is wrong, so that all of it is said at once.</summary>
internal sealed class ProblemList
{
    private const int MostSaid = 50;

    private readonly List<string> _sentences = [];
    private readonly HashSet<string> _keys = [];
    private int _unsaid;

    /// <summary>Whether further problems are counted, not said: who has fifty to mend reads no more, and a hostile file has thousands.</summary>
    public bool IsFull => _sentences.Count >= MostSaid;

    /// <summary>Adds a problem of a key. Later problems of a key that already has one add nothing.</summary>
    public void Add(string key, string sentence)
    {
        if (IsFull)
            _unsaid++;
        else if (_keys.Add(key))
            _sentences.Add(sentence);
    }

    /// <summary>Throws one exception with a sentence a line.</summary>
    /// <exception cref="HorizonException">There is a problem.</exception>
    public void ThrowIfAny()
    {
        if (_sentences.Count > 0)
            throw new HorizonException(_unsaid == 0 ? _sentences : [.. _sentences, $"and {_unsaid} more problems."]);
    }
}

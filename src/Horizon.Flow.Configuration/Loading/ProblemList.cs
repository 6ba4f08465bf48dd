namespace Horizon.Flow.Configuration;

/// <summary>Collects what is wrong, so that all of it is said at once.</summary>
internal sealed class ProblemList
{
    private readonly List<string> _sentences = [];
    private readonly HashSet<string> _keys = [];

    /// <summary>Adds a problem of a key. Later problems of a key that already has one add nothing.</summary>
    public void Add(string key, string sentence)
    {
        if (_keys.Add(key))
            _sentences.Add(sentence);
    }

    /// <summary>Throws one exception with a sentence a line.</summary>
    /// <exception cref="HorizonException">There is a problem.</exception>
    public void ThrowIfAny()
    {
        if (_sentences.Count > 0)
            throw new HorizonException(string.Join('\n', _sentences));
    }
}

namespace Horizon.Flow.Text.Templates;

/// <summary>
/// What rendering may spend, so that no template runs forever, nests without end or fills the memory: each rendering its own share, and
/// all renderings of one conversation together. Whatever touches characters or items pays for them; the unit is about a nanosecond and two bytes.
/// </summary>
/// <param name="name">What messages call the template.</param>
/// <param name="rendering">What one rendering may spend.</param>
internal sealed class TemplateBudget(string name, long rendering = TemplateBudget.Rendering)
{
    /// <summary>What one rendering may spend unless said otherwise.</summary>
    public const long Rendering = 1L << 28;

    /// <summary>Cost of one step of the interpreter.</summary>
    private const int StepCost = 32;

    private const int ItemCost = 16;
    private const int PieceCost = 32;
    private const int ScopeCost = 4;
    private const int DeepestNesting = 200;

    // What an honest template spends on a turn and on each of its characters, with much to spare.
    private const long TurnCost = 1L << 15;
    private const long CharacterCost = 32;

    private readonly long _rendering = rendering;
    private long _left = rendering;
    private long _leftInAll = rendering;
    private int _depth;

    /// <summary>What all renderings so far have cost.</summary>
    public long Spent { get; private set; }

    /// <summary>A budget for finding the turns of a conversation: each turn is rendered with all that stand before it.</summary>
    public static TemplateBudget OfConversation(string name, IReadOnlyList<ChatMessage> turns, long rendering = Rendering) => new(name, rendering)
    {
        _leftInAll = rendering + (TurnCost * turns.Count * turns.Count) + (CharacterCost * turns.Count * turns.Sum(turn => (long)turn.Content.Length)),
    };

    /// <summary>The line that is being worked on, for messages.</summary>
    public int Line { get; set; }

    /// <summary>Whether nothing is left: what fails then fails for that reason.</summary>
    public bool IsSpent => _left < 0 || _leftInAll < 0;

    /// <summary>Begins a rendering.</summary>
    public void Begin() => (_left, _depth) = (Math.Min(_rendering, _leftInAll), 0);

    public void Step() => Spend(StepCost);

    /// <summary>Pays for characters or bytes read or made.</summary>
    public void Spend(long characters)
    {
        Spent += characters;
        _leftInAll -= characters;
        if ((_left -= characters) < 0) throw Error("does more work than any conversation needs, and was stopped");
    }

    /// <summary>Pays for places in lists.</summary>
    public void SpendItems(long count) => Spend(ItemCost * count);

    /// <summary>Pays for new strings or pairs, each of which is an object.</summary>
    public void SpendPieces(long count) => Spend(PieceCost * count);

    /// <summary>Pays for a name that is looked up in so many places, which hash all of it.</summary>
    public void LookUp(string key, int places = 1) => Spend(places * (ScopeCost + (key.Length / 4L)));

    /// <summary>Pays for a search, whose worst case is the product.</summary>
    public void Search(long text, long pattern) => Spend(text + (text * pattern / 32));

    public void Enter()
    {
        if (++_depth > DeepestNesting) throw Error($"calls and nests more than {DeepestNesting} deep");
    }

    public void Leave() => _depth--;

    public HorizonException Error(string complaint) => new($"{name}, chat template, line {Line}: {complaint}.");
}

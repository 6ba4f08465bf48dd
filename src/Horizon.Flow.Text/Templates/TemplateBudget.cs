namespace Horizon.Flow.Text;

/// <summary>What one rendering may spend, so that no template runs forever, nests without end or fills the memory.</summary>
internal sealed class TemplateBudget(string name)
{
    /// <summary>Cost of one step of the interpreter, in characters.</summary>
    private const int StepCost = 32;

    private const int DeepestNesting = 200;

    private long _left = 1L << 28;
    private int _depth;

    /// <summary>The line that is being worked on, for messages.</summary>
    public int Line { get; set; }

    public void Step() => Spend(StepCost);

    /// <summary>Pays for characters or bytes made.</summary>
    public void Spend(long characters)
    {
        if ((_left -= characters) < 0) throw Error("does more work than any conversation needs, and was stopped");
    }

    /// <summary>Pays for a search, whose worst case is the product.</summary>
    public void Search(long text, long pattern) => Spend(text + text * pattern / 256);

    public void Enter()
    {
        if (++_depth > DeepestNesting) throw Error($"calls and nests more than {DeepestNesting} deep");
    }

    public void Leave() => _depth--;

    public HorizonException Error(string complaint) => new($"{name}, chat template, line {Line}: {complaint}.");
}

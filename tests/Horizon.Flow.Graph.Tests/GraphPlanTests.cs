using System.Threading.Tasks.Dataflow;

namespace Horizon.Flow.Graph.Tests;

public class GraphPlanTests
{
    private static readonly StageKey<Work, Work> A = new("a");
    private static readonly StageKey<Work, Work> B = new("b");
    private static readonly SinkKey<Work> End = new("end");

    private static GraphPlan<object> Line => GraphPlan<object>.Empty
        .Add(A, Pass, new StageTraits { IsEntry = true })
        .Add(B, Pass)
        .Add(End, (_, stage) => new StageSink<Work>(stage, (_, _) => ValueTask.CompletedTask))
        .Connect(A, B)
        .Connect(B, End);

    [Fact]
    public void Validate_SoundPlan_FindsNothing() => Assert.Empty(Line.Validate());

    [Fact]
    public void Verbs_LeaveTheOldPlanUnchanged()
    {
        var plan = Line;
        var before = plan.ToString();
        _ = plan.InsertAfter(A, "new", Pass).Replace(B, Pass).InsertBefore(B, "newer", Pass).WithTraits("a", traits => traits with { Capacity = 9 });
        Assert.Equal(before, plan.ToString());
        Assert.Equal(3, plan.Nodes.Count);
    }

    [Fact]
    public void InsertAfter_TakesOverTheRoutes()
    {
        var plan = Line.Remove(B).Add(B, Pass).Connect<Work>("b", "end");
        plan = GraphPlan<object>.Empty.Add(A, Pass, new StageTraits { IsEntry = true }).Add(B, Pass)
            .Add(End, (_, stage) => new StageSink<Work>(stage, (_, _) => ValueTask.CompletedTask))
            .Connect(A, B, "odd", work => work.Number % 2 == 1).Connect(A, End, "even", work => work.Number % 2 == 0).Connect(B, End)
            .InsertAfter(A, "between", Pass);
        Assert.Equal(["between -> b [odd]", "between -> end [even]", "b -> end", "a -> between"], plan.Edges.Select(edge => edge.ToString()));
        Assert.Empty(plan.Validate());
    }

    [Fact]
    public void Remove_AStageThatRoutes_GivesItsRoutesToTheStageBefore()
    {
        var plan = GraphPlan<object>.Empty.Add(A, Pass, new StageTraits { IsEntry = true }).Add(B, Pass)
            .Add(End, (_, stage) => new StageSink<Work>(stage, (_, _) => ValueTask.CompletedTask))
            .Connect(A, B, "odd", work => work.Number % 2 == 1).Connect(A, End).Connect(B, End);
        var back = plan.InsertAfter(A, "between", Pass).Remove(new StageKey<Work, Work>("between"));
        Assert.Equal(plan.Edges.Select(edge => edge.ToString()).Order(), back.Edges.Select(edge => edge.ToString()).Order());
        Assert.Empty(back.Validate());
    }

    /// <summary>An edge that leads elsewhere changes nothing on the way.</summary>
    [Fact]
    public void ComesUnchanged_WithAnEdgeThatLeadsElsewhere_LooksAtTheWayAlone()
    {
        var plan = Line.Add(new SinkKey<Work>("other"), (_, stage) => new StageSink<Work>(stage, (_, _) => ValueTask.CompletedTask))
            .Disconnect("b", "end").Connect<Work>("b", "other", "odd", work => work.Number % 2 == 1).Connect(B, End);
        Assert.True(plan.ComesUnchanged("b", "end"));
        Assert.False(plan.ComesUnchanged("a", "end")); // b may change it
        Assert.True(plan.WithTraits("b", traits => traits with { PassesThrough = true }).ComesUnchanged("a", "end"));
        Assert.False(plan.ComesUnchanged("end", "other"));
    }

    /// <summary>A fragment brings its stages and edges; what is linked to it comes after.</summary>
    [Fact]
    public void Include_AFragment_IsWholeOnceItIsConnected()
    {
        var (first, second) = (new StageKey<Work, Work>("first"), new StageKey<Work, Work>("second"));
        var fragment = GraphPlan<object>.Empty.Add(first, Pass).Add(second, Pass).Connect(first, second);
        var open = Line.Disconnect("a", "b").Include(fragment);
        Assert.NotEmpty(open.Validate());
        var whole = open.Connect(A, first).Connect(second, B);
        Assert.Empty(whole.Validate());
        Assert.Equal(["first", "second", "b", "end"], whole.Behind("a").Order(StringComparer.Ordinal).OrderBy(name => name is "b" or "end"));
        var twice = Assert.Single(Line.Include(Line).Validate().Select(problem => problem.ToString()), problem => problem.Contains("'a'", StringComparison.Ordinal));
        Assert.Contains("twice", twice, StringComparison.Ordinal);
    }

    [Fact]
    public void InsertBefore_TheEntry_BecomesTheEntry()
    {
        var plan = Line.InsertBefore(A, "first", Pass);
        Assert.Empty(plan.Validate());
        Assert.True(plan.Node("first").Traits.IsEntry);
        Assert.False(plan.Node("a").Traits.IsEntry);
    }

    [Fact]
    public void Remove_LinksTheNeighbours()
    {
        var plan = Line.Remove(B);
        Assert.Equal(["a -> end"], plan.Edges.Select(edge => edge.ToString()));
        Assert.Empty(plan.Validate());
        Assert.Empty(Line.Remove(A).Validate());
    }

    [Fact]
    public void Validate_ListsAllProblemsAtOnce()
    {
        var plan = Line
            .Add(A, Pass)
            .Add(new StageKey<string, string>("words"), (_, stage) => new StageBlock<string, string>(stage, (word, _) => ValueTask.FromResult<string?>(word)))
            .Connect<Work>("b", "words")
            .Connect<Work>("end", "nowhere")
            .WithTraits("b", traits => traits with { Capacity = 0 });
        var problems = plan.Validate().Select(problem => problem.ToString()).ToList();
        Assert.Contains(problems, problem => problem.Contains("'a': the name is used twice", StringComparison.Ordinal));
        Assert.Contains(problems, problem => problem.Contains("'words' takes String, the edge carries Work", StringComparison.Ordinal));
        Assert.Contains(problems, problem => problem.Contains("there is no stage 'nowhere'", StringComparison.Ordinal));
        Assert.Contains(problems, problem => problem.Contains("'end' is the end of a line", StringComparison.Ordinal));
        Assert.Contains(problems, problem => problem.Contains("its capacity is 0", StringComparison.Ordinal));
        Assert.Contains(problems, problem => problem.Contains("nothing takes its String", StringComparison.Ordinal));
        Assert.Contains(problems, problem => problem.Contains("an edge without a route before it takes every message", StringComparison.Ordinal));
        var refused = Assert.Throws<PlanException>(() => plan.Start(new object()));
        Assert.Equal(problems.Count, refused.Problems.Count);
    }

    [Fact]
    public void Validate_Circle_IsRefused()
    {
        var plan = GraphPlan<object>.Empty.Add(A, Pass).Add(B, Pass).Connect(A, B).Connect(B, A);
        Assert.Contains("circle", Assert.Single(plan.Validate()).What, StringComparison.Ordinal);
    }

    [Fact]
    public void Node_Unknown_NamesTheKnown() =>
        Assert.Contains("it has a, b, end", Assert.Throws<ArgumentException>(() => Line.Node("c")).Message, StringComparison.Ordinal);

    [Fact]
    public void Drawing_NamesStagesEdgesAndEscapes()
    {
        var plan = Line.InsertAfter(A, "x<\"y\">", Pass);
        var mermaid = GraphDrawing.Of(plan).WithFeedback("end", "a", "again").ToMermaid();
        Assert.StartsWith("flowchart LR\n", mermaid, StringComparison.Ordinal);
        Assert.Contains("x&lt;&quot;y&quot;&gt;", mermaid, StringComparison.Ordinal);
        Assert.Contains("n_b -- \"Work\" --> n_end", mermaid, StringComparison.Ordinal);
        Assert.Contains("n_end -. \"again\" .-> n_a", mermaid, StringComparison.Ordinal);
        var dot = GraphDrawing.Of(plan).ToDot();
        Assert.Contains("\"x<\\\"y\\\">\"", dot, StringComparison.Ordinal);
        Assert.Contains("\"b\" -> \"end\"", dot, StringComparison.Ordinal);
    }

    internal static IPropagatorBlock<Work, Work> Pass(object context, StageOptions stage) =>
        new StageBlock<Work, Work>(stage, (work, _) => ValueTask.FromResult<Work?>(work));
}

namespace Horizon.Flow.Text.Templates;

/// <summary>
/// What a template asks of contents after the same answers, and the step after each answer that was seen; at the end a rendering. It asks the same whenever it was answered the same, so
/// that all renderings of conversations with the same roles are paths through one tree.
/// </summary>
internal sealed class RenderingStep
{
    private readonly Func<IReadOnlyList<ChatMessage>, TemplateBudget, object?>? _question;
    private readonly RememberedRendering? _end;
    private volatile (object Answer, RenderingStep Step)[] _next = [];

    private RenderingStep(IReadOnlyList<(Func<IReadOnlyList<ChatMessage>, TemplateBudget, object?> Question, object Answer)> asked, int at, RememberedRendering end)
    {
        if (at == asked.Count) _end = end;
        else (_question, _next) = (asked[at].Question, [(asked[at].Answer, new RenderingStep(asked, at + 1, end))]);
    }

    /// <summary>The steps of one rendering.</summary>
    public RenderingStep(RenderingWatch watch, RememberedRendering end)
        : this(watch.Asked, 0, end)
    {
    }

    /// <summary>The rendering of a conversation; null where nothing that was watched answers as it does.</summary>
    public RememberedRendering? Find(IReadOnlyList<ChatMessage> messages, TemplateBudget budget)
    {
        var step = this;
        while (step is { _end: null }) step = step.After(step._question!(messages, budget));
        return step?._end;
    }

    /// <summary>Adds the steps of another rendering; for one thread.</summary>
    public void Add(RenderingWatch watch, RememberedRendering end)
    {
        var step = this;
        for (var at = 0; at < watch.Asked.Count; at++)
        {
            var answer = watch.Asked[at].Answer;
            if (step.After(answer) is not { } next)
            {
                step._next = [.. step._next, (answer, new RenderingStep(watch.Asked, at + 1, end))];
                return;
            }

            step = next;
        }
    }

    private RenderingStep? After(object? answer)
    {
        foreach (var (known, step) in _next)
            if (known.Equals(answer)) return step;
        return null;
    }
}

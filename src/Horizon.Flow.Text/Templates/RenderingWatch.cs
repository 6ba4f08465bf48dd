namespace Horizon.Flow.Text.Templates;

/// <summary>Watches what a template asks of the contents of one conversation.</summary>
internal sealed class RenderingWatch(IReadOnlyList<ChatMessage> messages, TemplateBudget budget)
{
    private const int MostQuestions = 1024;

    private IReadOnlyList<ChatMessage> _messages = messages;

    /// <summary>What was asked, in order, with the answers.</summary>
    public List<(Func<IReadOnlyList<ChatMessage>, TemplateBudget, object?> Question, object Answer)> Asked { get; } = [];

    /// <summary>The answer for this conversation, which is written down.</summary>
    /// <exception cref="SeenException">Too much is asked.</exception>
    public T Ask<T>(Func<IReadOnlyList<ChatMessage>, TemplateBudget, T> question)
    {
        if (Asked.Count == MostQuestions) throw new SeenException();
        var answer = question(_messages, budget);
        Asked.Add(((messages, spent) => question(messages, spent), answer!));
        return answer;
    }

    /// <summary>The answer, which is not written down.</summary>
    public object? Try(Func<IReadOnlyList<ChatMessage>, TemplateBudget, object?> question) => question(_messages, budget);

    /// <summary>What was asked outlives the conversation.</summary>
    public void End() => _messages = [];
}

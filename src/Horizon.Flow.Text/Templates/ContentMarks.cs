namespace Horizon.Flow.Text.Templates;

/// <summary>
/// Finds turns where a rendered conversation changes with their content: a mark that no text holds takes its place, and what comes before
/// and after the change is the template's own. So turns are found that the template writes differently on their own.
/// </summary>
/// <param name="template">The template.</param>
/// <param name="conversation">The conversation.</param>
/// <param name="text">It, rendered with the end mark.</param>
/// <param name="endMark">Stands for the end-of-text token.</param>
/// <param name="budget">What the renderings may spend.</param>
internal sealed class ContentMarks(ChatTemplate template, Conversation conversation, string text, string endMark, TemplateBudget budget)
{
    private const string Mark = "\uE0F6";

    private readonly Dictionary<int, (int Start, int End)?> _found = [];
    private string? _prompt;

    /// <summary>What of a turn is trained: from where the generation prompt ends to the token that ends the turn; null where it is unknown.</summary>
    public (int Start, int Stop)? Find(int turn)
    {
        if (Content(turn) is not var (start, end)) return null;
        var next = turn + 1 < conversation.Messages.Count && Content(turn + 1) is var (nextStart, _) && nextStart >= end ? nextStart : text.Length;
        var last = turn == conversation.Messages.Count - 1;
        return (Begin(turn, start), last ? text.Length : end + Footer(turn, text[end..next]));
    }

    /// <summary>Where the generation prompt ends in front of the content: what it holds already is not learned.</summary>
    private int Begin(int turn, int content)
    {
        if (turn > 0 && Content(turn - 1) is var (_, previous) && previous <= content && Tail(turn) is { } tail)
        {
            var between = text[previous..content];
            var common = CommonPrefix(between, tail);
            if (common == tail.Length) return previous + common;
            if (common == between.Length) return content;
        }

        // The template moved the turn before, or there is none: the prompt is looked for by its text, and where it ends in more than the
        // turn has, by its longest beginning.
        var head = text[..content];
        var floor = turn > 0 && Content(turn - 1) is var (_, edge) && edge <= content ? edge : 0;
        for (var length = Prompt.Length; length > 1; length--)
            if (head.LastIndexOf(Prompt[..length], StringComparison.Ordinal) is >= 0 and var at && at >= floor) return IsWhole(length) ? at + length : content;
        return content;
    }

    // A beginning of the prompt that ends inside a token is no place to begin at.
    private bool IsWhole(int length) => length == Prompt.Length || Cut(Prompt[..length]) == length;

    /// <summary>What the template writes between the turn before and the answer that it asks for.</summary>
    private string? Tail(int turn)
    {
        var before = conversation.Messages.Take(turn).ToList();
        if (Render(before, addGenerationPrompt: true) is not { } whole) return null;
        return Change(before, turn - 1, whole, addGenerationPrompt: true) is var (_, end) ? whole[end..] : null;
    }

    /// <summary>How much of what follows the content ends the turn, as it does where the conversation ends there.</summary>
    private int Footer(int turn, string following)
    {
        var until = conversation.Messages.Take(turn + 1).ToList();
        if (Render(until, addGenerationPrompt: false) is not { } whole || Change(until, turn, whole, addGenerationPrompt: false) is not var (_, end))
            return Shared(Closing, following);
        return Shared(whole[end..], following);
    }

    private static int Shared(string footer, string following)
    {
        var common = CommonPrefix(footer, following);
        return common == footer.Length || common == following.Length ? common : Cut(footer[..common]);
    }

    /// <summary>How much of a text stands before a token that is begun in it and not ended.</summary>
    private static int Cut(string text)
    {
        var open = text.LastIndexOfAny(['<', '[']);
        return open >= 0 && text.AsSpan(open).IndexOfAny('>', ']') < 0 ? open : text.Length;
    }

    /// <summary>What stands behind the last answer of the whole conversation.</summary>
    private string Closing => conversation.Messages[^1].Role == "assistant" && Content(conversation.Messages.Count - 1) is var (_, end) ? text[end..] : endMark;

    private string Prompt
    {
        get
        {
            if (_prompt is not null) return _prompt;
            var (without, with) = (Render(conversation.Messages, addGenerationPrompt: false), Render(conversation.Messages, addGenerationPrompt: true));
            return _prompt = without is not null && with?.StartsWith(without, StringComparison.Ordinal) == true ? with[without.Length..] : "";
        }
    }

    private (int Start, int End)? Content(int turn)
    {
        if (!_found.TryGetValue(turn, out var found)) _found[turn] = found = Change(conversation.Messages, turn, text, addGenerationPrompt: false);
        return found;
    }

    /// <summary>The stretch of a rendering that changes with a turn's content.</summary>
    private (int Start, int End)? Change(IReadOnlyList<ChatMessage> messages, int turn, string rendered, bool addGenerationPrompt)
    {
        var fields = new OrderedDictionary<string, object?>(messages[turn].Fields) { ["content"] = Mark };
        ChatMessage[] marked = [.. messages];
        marked[turn] = new ChatMessage(fields, messages[turn].IsTrained);
        if (Render(marked, addGenerationPrompt) is not { } changed) return null;
        var at = changed.IndexOf(Mark, StringComparison.Ordinal);
        if (at < 0 || changed.IndexOf(Mark, at + 1, StringComparison.Ordinal) >= 0) return null;
        var start = CommonPrefix(rendered, changed);
        var end = 0;
        while (end < rendered.Length - start && end < changed.Length - start && rendered[^(end + 1)] == changed[^(end + 1)]) end++;
        return (start, rendered.Length - end);
    }

    private string? Render(IReadOnlyList<ChatMessage> messages, bool addGenerationPrompt)
    {
        try
        {
            return template.Render(conversation, messages, addGenerationPrompt, endMark, budget).Text;
        }
        catch (HorizonException) when (!budget.IsSpent)
        {
            return null;
        }
    }

    private static int CommonPrefix(string left, string right) => left.AsSpan().CommonPrefixLength(right);
}

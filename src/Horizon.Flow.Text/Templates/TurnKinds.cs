namespace Horizon.Flow.Text.Templates;

/// <summary>
/// Tells which turns of a rendered conversation are of one kind: the template writes the same text before and behind their content, up to the
/// contents of the turns beside them. What is trained of one such turn is trained of all, so that a long conversation need not be rendered once
/// more for each of its turns. A turn that is more than its content, a call of functions say, is known by what stands between its neighbours' contents.
/// </summary>
internal sealed class TurnKinds
{
    private const string Mark = "\uE0F6";

    private readonly Conversation _conversation;
    private readonly Dictionary<int, (int Start, int End)> _contents = [];
    private readonly string _text;

    /// <param name="template">The template.</param>
    /// <param name="conversation">The conversation.</param>
    /// <param name="text">It, rendered with the end mark.</param>
    /// <param name="endMark">Stands for the end-of-text token.</param>
    /// <param name="budget">What the rendering may spend.</param>
    public TurnKinds(ChatTemplate template, Conversation conversation, string text, string endMark, TemplateBudget budget)
    {
        (_conversation, _text) = (conversation, text);
        ChatMessage[] marked = [.. conversation.Messages.Select(message => IsPlain(message) ? Marked(message) : message)];
        try
        {
            Find(template.Render(conversation, marked, addGenerationPrompt: false, endMark, budget).Text.Split(Mark));
        }
        catch (HorizonException) when (!budget.IsSpent)
        {
            // A template may refuse such contents: then no two turns are known to be alike.
        }
    }

    /// <summary>Where a turn's content stands in the text; of one that is more, from where the content before it ends to where the one behind it begins.</summary>
    public (int Start, int End) PlaceOf(int turn) => _contents.TryGetValue(turn, out var content) ? content : (_contents[turn - 1].End, _contents[turn + 1].Start);

    /// <summary>Whether what a turn's place has beyond the turn is that of another one of its kind.</summary>
    /// <param name="turn">The turn, found from the other's offsets.</param>
    /// <param name="other">The other one.</param>
    /// <param name="start">What is trained of the turn begins so far behind its place's beginning.</param>
    /// <param name="stop">And ends so far behind its end.</param>
    public bool StandsAlike(int turn, int other, int start, int stop)
    {
        if (_contents.ContainsKey(turn)) return true;
        var (place, known) = (PlaceOf(turn), PlaceOf(other));
        return start >= 0 && stop <= 0 && place.Start + start <= place.End + stop
            && Same(place.Start, known.Start, start) && Same(place.End + stop, known.End + stop, -stop);
    }

    /// <summary>The turns in groups of one kind; a turn of which nothing is known is a group of its own.</summary>
    public IEnumerable<IGrouping<object, int>> Group(IEnumerable<int> turns) => turns.GroupBy(turn => KindOf(turn) ?? turn);

    private object? KindOf(int turn)
    {
        if (turn == 0 || turn == _conversation.Messages.Count - 1) return null;
        if (!_contents.TryGetValue(turn - 1, out var before) || !_contents.TryGetValue(turn + 1, out var after)) return null;
        if (!_contents.TryGetValue(turn, out var own))
            return IsPlain(_conversation.Messages[turn]) ? null : (_conversation.Messages[turn - 1].Role, string.Join(' ', _conversation.Messages[turn].Fields.Keys), _conversation.Messages[turn + 1].Role);
        return (_conversation.Messages[turn - 1].Role, _text[before.End..own.Start], _text[own.End..after.Start], _conversation.Messages[turn + 1].Role);
    }

    /// <summary>Lays what stands around the marks upon the text, and between them the contents as the template may write them.</summary>
    private void Find(string[] around)
    {
        var turns = Enumerable.Range(0, _conversation.Messages.Count).Where(turn => IsPlain(_conversation.Messages[turn])).ToList();
        if (around.Length != turns.Count + 1 || !Stands(around[0], 0)) return;
        var at = around[0].Length;
        for (var i = 0; i < turns.Count; i++)
        {
            var content = _conversation.Messages[turns[i]].Content;
            var length = ((string[])[content, content.Trim(), AssistantSpans.Answer(_conversation.Messages[turns[i]])])
                .FirstOrDefault(form => Stands(form, at) && Stands(around[i + 1], at + form.Length))?.Length;
            if (length is null) return;
            _contents[turns[i]] = (at, at + length.Value);
            at += length.Value + around[i + 1].Length;
        }
    }

    private bool Stands(string part, int at) => at + part.Length <= _text.Length && string.CompareOrdinal(_text, at, part, 0, part.Length) == 0;

    private bool Same(int one, int other, int length) => string.CompareOrdinal(_text, one, _text, other, length) == 0;

    private static ChatMessage Marked(ChatMessage message) => new(new OrderedDictionary<string, object?>(message.Fields) { ["content"] = Mark }, message.IsTrained);

    // What a tool says may have a name or a number beside it.
    private static bool IsPlain(ChatMessage message) => message.Content.Length > 0 && (message.Fields.Count == 2 || message.Role == "tool");
}

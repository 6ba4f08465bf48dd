namespace Horizon.Flow.Text.Templates;

/// <summary>Finds what the assistant says in a rendered conversation: the characters that are trained.</summary>
public static class AssistantSpans
{
    // Stands for the end-of-text token while renderings are compared, so that "</s>" and "<|user|>" do not agree in their first character.
    private const string EndMark = "\uE0F5";

    private const int FewTurns = 8;

    /// <summary>The rendered conversation, and one stretch for each assistant turn that is trained.</summary>
    /// <remarks>
    /// A template with generation blocks says itself where they are. For any other, turn k begins where the messages before it end,
    /// rendered with the generation prompt, and it ends where the messages up to it end. A template may render a turn differently when
    /// it is the last one (Qwen3 then adds its thoughts); what counts is the form in the whole conversation. Where the renderings do
    /// not agree, <see cref="ContentMarks"/> looks where the whole one changes with the turn's content. In a long conversation turns of one
    /// kind (<see cref="TurnKinds"/>) are not rendered one by one.
    /// </remarks>
    /// <param name="template">The template.</param>
    /// <param name="conversation">The conversation.</param>
    /// <exception cref="HorizonException">The template renders the turns differently on their own, so that they cannot be told apart.</exception>
    public static RenderedChat Render(ChatTemplate template, Conversation conversation) => Render(template, conversation, message => message.IsTrained);

    /// <summary>The same for any choice of the assistant's turns.</summary>
    /// <param name="template">The template.</param>
    /// <param name="conversation">The conversation.</param>
    /// <param name="isWanted">The choice.</param>
    /// <param name="fewTurns">Turns that are looked for one by one, whatever it costs.</param>
    /// <param name="budget">What the renderings may spend; null for as much as such a conversation needs.</param>
    internal static RenderedChat Render(ChatTemplate template, Conversation conversation, Func<ChatMessage, bool> isWanted, int fewTurns = FewTurns, TemplateBudget? budget = null)
    {
        ArgumentNullException.ThrowIfNull(template);
        ArgumentNullException.ThrowIfNull(conversation);
        template = template.For(conversation);
        budget ??= TemplateBudget.OfConversation(template.Name, conversation.Messages);
        var whole = template.Render(conversation, conversation.Messages.Count, addGenerationPrompt: false, null, budget);
        var turns = Enumerable.Range(0, conversation.Messages.Count).Where(i => conversation.Messages[i].Role == "assistant").ToList();
        return whole with
        {
            Generated = template.HasGeneration
                ? Marked(template, conversation, whole, turns, isWanted)
                : Compared(template, conversation, whole, turns, isWanted, fewTurns, budget),
        };
    }

    private static IReadOnlyList<Range> Marked(
        ChatTemplate template, Conversation conversation, RenderedChat whole, List<int> turns, Func<ChatMessage, bool> isWanted)
    {
        if (turns.TrueForAll(k => isWanted(conversation.Messages[k]))) return whole.Generated;
        if (whole.Generated.Count != turns.Count)
        {
            throw new HorizonException(
                $"{template.Name}: the chat template marks {whole.Generated.Count} stretches for {turns.Count} assistant turns, "
                + "so single turns cannot be left untrained.");
        }

        return [.. whole.Generated.Where((_, i) => isWanted(conversation.Messages[turns[i]]))];
    }

    private static List<Range> Compared(
        ChatTemplate template, Conversation conversation, RenderedChat whole, List<int> turns, Func<ChatMessage, bool> isWanted, int fewTurns,
        TemplateBudget budget)
    {
        // What the template does not name it cannot write.
        var hasEnd = template.EndToken is { Length: > 0 } && template.Mentions("eos_token");
        var text = hasEnd ? template.Render(conversation, conversation.Messages.Count, false, EndMark, budget).Text : whole.Text;
        var end = new EndMarks(text, hasEnd ? EndMark : null, template.EndToken ?? "");
        if (hasEnd && end.Restored != whole.Text)
            throw new HorizonException($"{template.Name}: the chat template works on eos_token itself; {Advice}.");

        var found = new SortedDictionary<int, (int Start, int Stop)>();
        var marks = new ContentMarks(template, conversation, text, EndMark, budget);
        if (turns.Count <= fewTurns)
        {
            foreach (var k in turns) Find(k);
        }
        else
        {
            var kinds = new TurnKinds(template, conversation, text, EndMark, budget);
            foreach (var kind in kinds.Group(turns)) FindAlike(kinds, [.. kind]);
        }

        var spans = new List<Range>();
        var last = 0;
        foreach (var (k, (start, stop)) in found)
        {
            if (start < last) throw Disagree(template, k);
            last = stop;
            if (isWanted(conversation.Messages[k])) spans.Add(end.Restore(start)..end.Restore(stop));
        }

        return spans;

        // Of turns alike the first and the last are looked for; where both stand alike to their contents, so do those between.
        void FindAlike(TurnKinds kinds, int[] alike)
        {
            Find(alike[0]);
            if (alike.Length == 1) return;
            Find(alike[^1]);
            var (first, other) = (Offsets(alike[0]), Offsets(alike[^1]));
            foreach (var k in alike[1..^1])
            {
                var place = kinds.PlaceOf(k);
                if (first == other && kinds.StandsAlike(k, alike[0], first.Start, first.Stop)) found[k] = (place.Start + first.Start, place.End + first.Stop);
                else Find(k);
            }

            (int Start, int Stop) Offsets(int k) => (found[k].Start - kinds.PlaceOf(k).Start, found[k].Stop - kinds.PlaceOf(k).End);
        }

        // Before the first message no template is sure to ask for an answer.
        void Find(int k) => found[k] = (k == 0 ? marks.Find(k) ?? ByPrefix(k) : ByPrefix(k) ?? marks.Find(k)) ?? throw Disagree(template, k);

        (int Start, int Stop)? ByPrefix(int k)
        {
            var isLast = k == conversation.Messages.Count - 1;
            if (Try(k, addGenerationPrompt: true) is not { } before || (isLast ? text : Try(k + 1, addGenerationPrompt: false)) is not { } after) return null;
            if (before.Length < StopBefore(k) || !text.StartsWith(before, StringComparison.Ordinal) || !after.StartsWith(before, StringComparison.Ordinal)) return null;
            var stop = isLast ? text.Length : FindEnd(text, before.Length, after);
            if (stop < 0 || !text[before.Length..stop].Contains(Answer(conversation.Messages[k]), StringComparison.Ordinal)) return null;
            return (before.Length, stop);
        }

        // A template may refuse a part of a conversation that it takes as a whole.
        string? Try(int messages, bool addGenerationPrompt)
        {
            try
            {
                return template.Render(conversation, messages, addGenerationPrompt, EndMark, budget).Text;
            }
            catch (HorizonException) when (!budget.IsSpent)
            {
                return null;
            }
        }

        int StopBefore(int k) => found.LastOrDefault(one => one.Key < k).Value.Stop;
    }

    /// <summary>The end in <paramref name="text"/> of the turn that begins at <paramref name="start"/>, or -1.</summary>
    /// <param name="text">The whole conversation.</param>
    /// <param name="start">Where the turn begins in both.</param>
    /// <param name="after">The conversation up to and with the turn.</param>
    private static int FindEnd(string text, int start, string after)
    {
        if (text.StartsWith(after, StringComparison.Ordinal)) return after.Length;

        // An end-of-text token that closes the conversation, not the turn, does not count.
        if (after.EndsWith(EndMark, StringComparison.Ordinal) && text.StartsWith(after[..^EndMark.Length], StringComparison.Ordinal))
            return after.Length - EndMark.Length;

        // The last turn has more at its beginning than the same turn further up: the longest end of it that begins the turn there.
        for (var cut = start + 1; cut < after.Length; cut++)
        {
            var length = after.Length - cut;
            if (length <= text.Length - start && string.CompareOrdinal(text, start, after, cut, length) == 0) return start + length;
        }

        return -1;
    }

    /// <summary>What must stand in the turn: its text without thoughts.</summary>
    internal static string Answer(ChatMessage message) => message.Content.Split("</think>")[^1].Trim();

    private static HorizonException Disagree(ChatTemplate template, int turn) => new(
        $"{template.Name}: it cannot be told where the chat template writes message {turn + 1} inside the conversation; {Advice}.");

    private const string Advice =
        "use a template with {% generation %} marks (chat_template.jinja in the model folder), or set train_on_prompt: true";
}

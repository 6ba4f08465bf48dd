namespace Horizon.Flow.Text.Templates;

/// <summary>The texts of a conversation in which each answer stands as the model would give it.</summary>
internal static class AnswerTexts
{
    /// <summary>
    /// One text for each trained answer, the conversation up to it; where a text goes on with the one before, as it does unless the template drops thoughts of earlier
    /// turns, one text for both.
    /// </summary>
    /// <param name="template">The template.</param>
    /// <param name="conversation">The conversation.</param>
    /// <returns>Texts with the stretches that are trained; each answer stands in one of them.</returns>
    /// <exception cref="HorizonException">The template renders an answer so that it cannot be told where it is.</exception>
    public static IReadOnlyList<RenderedChat> Render(ChatTemplate template, Conversation conversation)
    {
        var texts = new List<RenderedChat>();
        for (var turn = 0; turn < conversation.Messages.Count; turn++)
        {
            var message = conversation.Messages[turn];
            if (message.Role != "assistant" || !message.IsTrained) continue;
            var next = AssistantSpans.Render(template, conversation with { Messages = [.. conversation.Messages.Take(turn + 1)] }, one => ReferenceEquals(one, message));
            if (texts is [.., var last] && GoesOn(last, next)) texts[^1] = next with { Generated = [.. last.Generated, .. next.Generated] };
            else texts.Add(next);
        }

        return texts.Count > 0 ? texts : [template.Render(conversation, addGenerationPrompt: false) with { Generated = [] }];
    }

    // Up to the end of its last answer nothing of it has changed.
    private static bool GoesOn(RenderedChat last, RenderedChat next) => last.Generated is [] || (next.Generated is not [] && last.Generated[^1].End.Value is var end
        && end <= next.Generated[0].Start.Value && string.CompareOrdinal(last.Text, 0, next.Text, 0, end) == 0);
}

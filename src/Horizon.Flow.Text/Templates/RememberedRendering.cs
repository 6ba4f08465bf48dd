namespace Horizon.Flow.Text.Templates;

/// <summary>A rendering that was watched: what the template asked of the contents, and the text with places for them. It is that of every conversation that answers alike.</summary>
/// <param name="watch">What was asked.</param>
/// <param name="parts">The text: strings, and what is unseen.</param>
/// <param name="cost">What it cost, and costs whenever it is used: a template may spend no more than if nothing were remembered.</param>
internal sealed class RememberedRendering(RenderingWatch watch, IReadOnlyList<object> parts, long cost)
{
    /// <summary>Characters that it takes to remember it.</summary>
    public long Characters => parts.Sum(part => (part as string)?.Length ?? 1L);

    /// <summary>The text of a conversation with the same turns; null where it answers otherwise, or spends too much.</summary>
    public string? TryRender(IReadOnlyList<ChatMessage> messages, TemplateBudget budget)
    {
        try
        {
            budget.Begin();
            foreach (var (question, answer) in watch.Asked)
                if (!answer.Equals(question(messages, budget))) return null;
            var texts = new string[parts.Count];
            for (var i = 0; i < texts.Length; i++)
            {
                texts[i] = parts[i] as string ?? ((UnseenText)parts[i]).Read(messages, budget);
                budget.Spend(texts[i].Length);
            }

            budget.Spend(cost);
            return string.Concat(texts);
        }
        catch (HorizonException)
        {
            // As any rendering it may fail: that one says where.
            return null;
        }
    }
}

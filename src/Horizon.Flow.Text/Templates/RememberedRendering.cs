namespace Horizon.Flow.Text.Templates;

/// <summary>The text of a rendering that was watched, with places for what is unseen: that of every conversation with the same roles that answers alike.</summary>
/// <param name="parts">Strings, and what is unseen.</param>
/// <param name="cost">What it cost, and costs whenever it is used: a template may spend no more than if nothing were remembered.</param>
internal sealed class RememberedRendering(IReadOnlyList<object> parts, long cost)
{
    /// <summary>Characters that it takes to remember it.</summary>
    public long Characters => parts.Sum(part => (part as string)?.Length ?? 1L);

    /// <summary>The text of a conversation.</summary>
    /// <exception cref="HorizonException">It spends too much.</exception>
    public string Render(IReadOnlyList<ChatMessage> messages, TemplateBudget budget)
    {
        var texts = new string[parts.Count];
        for (var i = 0; i < texts.Length; i++)
        {
            texts[i] = parts[i] as string ?? ((UnseenText)parts[i]).Read(messages, budget);
            budget.Spend(texts[i].Length);
        }

        budget.Spend(cost);
        return string.Concat(texts);
    }
}

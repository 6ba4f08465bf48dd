namespace Horizon.Flow.Text.Templates;

/// <summary>The content of a message, unseen.</summary>
internal sealed class ContentText(RenderingWatch watch, int message) : UnseenText(watch, steps: 1)
{
    public override string Read(IReadOnlyList<ChatMessage> messages, TemplateBudget budget) => messages[message].Content;
}

namespace Horizon.Flow.Text.Templates;

/// <summary>One turn of a conversation.</summary>
public sealed class ChatMessage
{
    /// <summary>A turn of plain text.</summary>
    /// <param name="role">Who speaks: system, user, assistant or tool.</param>
    /// <param name="content">What is said.</param>
    public ChatMessage(string role, string content)
        : this(new OrderedDictionary<string, object?> { ["role"] = role, ["content"] = content }, isTrained: true)
    {
    }

    internal ChatMessage(OrderedDictionary<string, object?> fields, bool isTrained)
    {
        Fields = fields;
        IsTrained = isTrained;
    }

    /// <summary>Who speaks.</summary>
    public string Role => Fields.GetValueOrDefault("role") as string ?? "";

    /// <summary>What is said, where it is plain text.</summary>
    public string Content => Fields.GetValueOrDefault("content") as string ?? "";

    /// <summary>The same turn, left out of training where so said.</summary>
    internal ChatMessage Untrained(bool isLeftOut) => isLeftOut && IsTrained ? new ChatMessage(Fields, isTrained: false) : this;

    /// <summary>All fields, as the template sees them.</summary>
    internal OrderedDictionary<string, object?> Fields { get; }

    /// <summary>Whether the turn is trained where it is the assistant's.</summary>
    internal bool IsTrained { get; }
}

namespace Horizon.Flow.Text.Data;

/// <summary>What of a conversation is learned.</summary>
public enum TrainOn
{
    /// <summary>What the assistant says.</summary>
    Answers,

    /// <summary>Everything, prompts too.</summary>
    All,

    /// <summary>The assistant's last turn, with its thoughts where the template drops those of earlier ones.</summary>
    Last,

    /// <summary>What the assistant says, each turn as it would be generated: a conversation whose template drops thoughts of earlier turns becomes several documents.</summary>
    Each,
}

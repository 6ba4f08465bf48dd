namespace Horizon.Flow.Configuration;

/// <summary>The section <c>data.columns</c>: which of the data's own keys hold what. Each is unset by default, and found by looking.</summary>
public sealed record DataColumnsSection
{
    /// <summary>The key of the text, where records are plain text.</summary>
    /// <value>Default unset.</value>
    public string? Text { get; init; }

    /// <summary>The key of the prompt.</summary>
    /// <value>Default unset.</value>
    public string? Prompt { get; init; }

    /// <summary>The key of what follows the prompt.</summary>
    /// <value>Default unset.</value>
    public string? Input { get; init; }

    /// <summary>The key of the answer.</summary>
    /// <value>Default unset.</value>
    public string? Answer { get; init; }

    /// <summary>The key of the system text.</summary>
    /// <value>Default unset.</value>
    public string? System { get; init; }

    /// <summary>The key of earlier prompts and answers, a list of pairs.</summary>
    /// <value>Default unset.</value>
    public string? History { get; init; }

    /// <summary>The key of the list of turns.</summary>
    /// <value>Default unset.</value>
    public string? Turns { get; init; }

    /// <summary>The key of who speaks, in a turn.</summary>
    /// <value>Default unset.</value>
    public string? Role { get; init; }

    /// <summary>The key of what is said, in a turn.</summary>
    /// <value>Default unset.</value>
    public string? Content { get; init; }

    /// <summary>The key of the tools.</summary>
    /// <value>Default unset.</value>
    public string? Tools { get; init; }
}

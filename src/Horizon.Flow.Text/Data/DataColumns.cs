namespace Horizon.Flow.Text.Data;

/// <summary>What a data set's own keys mean, where they are not found by looking; the section `data.columns` of a configuration.</summary>
/// <remarks>Each property names the key of the data set that stands for ours; null where it is the usual one.</remarks>
public sealed record DataColumns
{
    /// <summary>What stands for `text`.</summary>
    public string? Text { get; init; }

    /// <summary>What stands for `prompt`.</summary>
    public string? Prompt { get; init; }

    /// <summary>What stands for the input that follows a prompt.</summary>
    public string? Input { get; init; }

    /// <summary>What stands for the answer to a prompt.</summary>
    public string? Answer { get; init; }

    /// <summary>What stands for `system`.</summary>
    public string? System { get; init; }

    /// <summary>What stands for `history`.</summary>
    public string? History { get; init; }

    /// <summary>What stands for the list of turns.</summary>
    public string? Turns { get; init; }

    /// <summary>What stands in a turn for who speaks.</summary>
    public string? Role { get; init; }

    /// <summary>What stands in a turn for what is said.</summary>
    public string? Content { get; init; }

    /// <summary>What stands for `tools`.</summary>
    public string? Tools { get; init; }

    /// <summary>What stands for the answer that is preferred.</summary>
    public string? Chosen { get; init; }

    /// <summary>What stands for the answer that is not.</summary>
    public string? Rejected { get; init; }

    /// <summary>What stands for the label of a rated answer, true or false.</summary>
    public string? Label { get; init; }
}

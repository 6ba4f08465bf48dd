namespace Horizon.Flow.Runs.Sections;

/// <summary>The section <c>data.roles</c>: the data's own names for who speaks, as in <c>{ user: [customer], assistant: [agent] }</c>.</summary>
public sealed record DataRolesSection
{
    /// <summary>Further names of the user.</summary>
    /// <value>Default <c>[]</c>.</value>
    public ValueList<string> User { get; init; } = [];

    /// <summary>Further names of the assistant.</summary>
    /// <value>Default <c>[]</c>.</value>
    public ValueList<string> Assistant { get; init; } = [];

    /// <summary>Further names of the system.</summary>
    /// <value>Default <c>[]</c>.</value>
    public ValueList<string> System { get; init; } = [];

    /// <summary>Further names of the tool.</summary>
    /// <value>Default <c>[]</c>.</value>
    public ValueList<string> Tool { get; init; } = [];
}

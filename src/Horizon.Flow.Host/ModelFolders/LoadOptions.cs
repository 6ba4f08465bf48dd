using Horizon.Flow.Host.Store;

namespace Horizon.Flow.Host.ModelFolders;

/// <summary>How a model folder's names are matched with the store's.</summary>
public sealed record LoadOptions
{
    /// <summary>
    /// What the model folder calls a parameter, by the name in the store's layout; null where it calls it the same.
    /// </summary>
    /// <value>Null: names are the same, up to a leading <c>model.</c>.</value>
    public Func<string, string?>? Alias { get; init; }

    /// <summary>Which parameters are read; the others stay as they are.</summary>
    /// <value>Null: all.</value>
    public Func<ParameterSlot, bool>? Wanted { get; init; }
}

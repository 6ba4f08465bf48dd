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

    /// <summary>[units]: the whole layouts, where the store has slices of the units, and the pieces of them that each slice has; null where it has whole ones.</summary>
    public IReadOnlyList<(UnitLayout Whole, IReadOnlyList<UnitPiece> Pieces)>? Wholes { get; init; }

    /// <summary>Which parameters, by the names in the store's layout, may be missing: they are left as they are, and named in <see cref="LoadResult.Missing"/>.</summary>
    /// <value>None.</value>
    public Func<string, bool>? MayMiss { get; init; }

    /// <summary>Whether a parameter, by its role, may have more rows than the file: the first ones are read, and the rest is the caller's to fill.</summary>
    /// <value>Null: none may.</value>
    public Func<string, bool>? MayGrow { get; init; }

    /// <summary>Which parameters are read; the others stay as they are.</summary>
    /// <value>Null: all.</value>
    public Func<ParameterSlot, bool>? Wanted { get; init; }
}

namespace Horizon.Flow.Runs.Conversion;

/// <summary>What a key of another tool is here.</summary>
internal enum ForeignKeyKind
{
    /// <summary>It has a counterpart.</summary>
    Known,

    /// <summary>What it asks for is done, or chosen, without a key.</summary>
    NotNeeded,

    /// <summary>There is nothing like it.</summary>
    Missing,
}

using Horizon.Flow.Models.Adapters;

namespace Horizon.Flow.Runs.Sections;

/// <summary>
/// The <c>training.adapter</c> section: low-rank adapters (LoRA) are trained in the place of the model's own parameters, and written as a PEFT folder.
/// </summary>
public sealed record AdapterSection
{
    /// <summary>Rows of A and columns of B; 0 for no adapters, or with <see cref="Path"/> what that folder says.</summary>
    /// <value>Default 0.</value>
    public int Rank { get; init; }

    /// <summary>B A is multiplied by alpha / rank; null for twice the rank, or with <see cref="Path"/> what that folder says.</summary>
    /// <value>Default null.</value>
    public double? Alpha { get; init; }

    /// <summary>The matrices that have adapters, by the ends of their names, such as <c>q_proj</c>; <c>all-linear</c> for every matrix of the decoder layers but routers.</summary>
    /// <value>Default <c>[all-linear]</c>, or with <see cref="Path"/> what that folder says.</value>
    public ValueList<string> Targets { get; init; } = [AdapterConfig.AllLinear];

    /// <summary>B A is multiplied by alpha / sqrt(rank) instead (rsLoRA).</summary>
    /// <value>Default false, or with <see cref="Path"/> what that folder says.</value>
    public bool RankStabilized { get; init; }

    /// <summary>Share of an adapter's input that is left out at random. Adapters here have none: anything but 0 is refused.</summary>
    /// <value>Default 0.</value>
    public double Dropout { get; init; }

    /// <summary>A PEFT folder whose adapters are trained further; null begins with new ones.</summary>
    /// <value>Default null.</value>
    [PathKey]
    public string? Path { get; init; }

    /// <summary>Whether adapters are trained.</summary>
    internal bool IsWanted => Rank > 0 || Path is not null;

    /// <summary>The adapters; null for none.</summary>
    /// <exception cref="HorizonException">The folder of <see cref="Path"/> holds none, or others than the section says.</exception>
    internal AdapterConfig? Resolve()
    {
        if (!IsWanted) return null;
        if (Path is null) return new(Rank, Alpha ?? (2.0 * Rank), [.. Targets]) { IsRankStabilized = RankStabilized };
        var adapter = AdapterFolder.Open(Path).Adapter;
        if (Rank > 0 && Rank != adapter.Rank) throw new HorizonException($"training.adapter.rank is {Rank}, the adapters in {Path} have rank {adapter.Rank}; leave it out.");
        return Alpha is { } alpha && alpha != adapter.Alpha
            ? throw new HorizonException(FormattableString.Invariant($"training.adapter.alpha is {alpha}, the adapters in {Path} have alpha {adapter.Alpha}; leave it out."))
            : adapter;
    }
}

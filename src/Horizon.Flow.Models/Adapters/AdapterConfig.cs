namespace Horizon.Flow.Models.Adapters;

/// <summary>
/// Low-rank adapters (LoRA; Hu et al., arXiv 2106.09685): each chosen matrix W of a decoder layer becomes W + scale B A, of which A and B alone are trained.
/// </summary>
/// <param name="Rank">r: rows of A and columns of B.</param>
/// <param name="Alpha">The adapters' weight; see <see cref="Scale"/>.</param>
/// <param name="Targets">
/// Which matrices, by the ends of their names in the model folder, such as <c>q_proj</c> or <c>self_attn.q_proj</c>; <see cref="AllLinear"/> for all but routers.
/// </param>
public sealed record AdapterConfig(int Rank, double Alpha, IReadOnlyList<string> Targets)
{
    /// <summary>Every matrix of every decoder layer, but for routers, as PEFT calls it.</summary>
    public const string AllLinear = "all-linear";

    /// <summary>The scale is alpha / sqrt(r) in the place of alpha / r (rsLoRA; Kalajdzievski, arXiv 2312.03732).</summary>
    public bool IsRankStabilized { get; init; }

    /// <summary>What B A is multiplied by.</summary>
    public double Scale => Alpha / (IsRankStabilized ? Math.Sqrt(Rank) : Rank);

    /// <summary>Whether a matrix is one of those chosen.</summary>
    /// <param name="module">Its name in the model folder without <c>.weight</c>.</param>
    public bool Matches(string module)
    {
        ArgumentNullException.ThrowIfNull(module);
        return Targets.Any(target => target == AllLinear || IsNamed(module, target));
    }

    /// <summary>Whether a target is the end of a name, in whole parts between points.</summary>
    internal static bool IsNamed(string module, string target) => module == target || module.EndsWith($".{target}", StringComparison.Ordinal);
}

using Horizon.Flow.Models.Common;

namespace Horizon.Flow.Models.Experts;

/// <summary>Reads the keys that families of experts share.</summary>
internal static class ExpertReader
{
    private const int MaximumExperts = 4_096;
    private const int MaximumOfModel = 1 << 18; // each takes a kilobyte before anything is allocated; real models have some ten thousand

    /// <summary>How many experts there are, how many a token has, and the loss that balances them; the rest is the family's.</summary>
    /// <param name="json">The file.</param>
    /// <param name="layers">Layers of the model.</param>
    /// <param name="missing">What the family assumes where the file is silent.</param>
    /// <param name="balancing">The factor of the balancing loss where the file is silent; null where transformers' model of the family has none.</param>
    /// <param name="perToken">The key of how many experts a token has.</param>
    public static ExpertConfig Read(ConfigJson json, int layers, ExpertConfig missing, double? balancing = 0.001, string perToken = "num_experts_per_tok") =>
        Checked(json, layers, missing with
        {
            Balancing = Balancing(json, balancing),
            Count = Count(json, missing.Count),
            PerToken = json.Integer(perToken, 1, MaximumExperts, missing.PerToken),
        }, perToken);

    /// <summary>DeepSeek-V3's routing, which GLM-4 MoE shares: sigmoids, corrections, groups, shared experts.</summary>
    /// <param name="json">The file.</param>
    /// <param name="layers">Layers of the model.</param>
    /// <param name="missing">What the family assumes where the file is silent.</param>
    public static ExpertConfig ReadGrouped(ConfigJson json, int layers, ExpertConfig missing)
    {
        var width = json.Integer("moe_intermediate_size", 1, DecoderReader.MaximumWidth, missing.Width);
        var shared = (long)width * json.Integer("n_shared_experts", 0, MaximumExperts, 1);
        if (shared > DecoderReader.MaximumWidth) throw json.Refuse("n_shared_experts", $"makes a network of width {shared:N0}, which is too wide");
        var grouped = missing with
        {
            Width = width,
            Router = RouterKind.Sigmoid,
            WideRouter = true,
            Normalized = json.Flag("norm_topk_prob", true),
            Scale = json.Number("routed_scaling_factor", 0, 1e6, missing.Scale),
            Groups = json.Integer("n_group", 1, MaximumExperts, missing.Groups),
            ChosenGroups = json.Integer("topk_group", 1, MaximumExperts, missing.ChosenGroups),
            SharedWidth = (int)shared,
        };
        return Read(json, layers, grouped, balancing: null);
    }

    /// <summary>The first layers, which have no experts: <c>first_k_dense_replace</c>.</summary>
    public static IReadOnlySet<int> FirstLayers(ConfigJson json, int layers, int missing) =>
        Enumerable.Range(0, Math.Min(layers, json.Integer("first_k_dense_replace", 0, int.MaxValue, missing))).ToHashSet();

    /// <summary>Qwen's layers without experts: those of <c>mlp_only_layers</c>, and all but every <c>decoder_sparse_step</c>-th.</summary>
    public static IReadOnlySet<int> LayersWithout(ConfigJson json, int layers)
    {
        var step = json.Integer("decoder_sparse_step", 1, int.MaxValue, 1);
        var named = (json.Numbers("mlp_only_layers", 0, layers - 1) ?? []).Select(layer => (int)layer).ToHashSet();
        return Enumerable.Range(0, layers).Where(layer => named.Contains(layer) || (layer + 1) % step != 0).ToHashSet();
    }

    // By any of its names; whoever has two must mean one number.
    private static int Count(ConfigJson json, int missing)
    {
        string[] names = [.. new[] { "num_local_experts", "num_experts", "n_routed_experts" }.Where(json.Has)];
        if (names.Length == 0) return missing;
        var count = json.Integer(names[0], 1, MaximumExperts);
        return names.FirstOrDefault(name => json.Integer(name, 1, MaximumExperts) != count) is { } other
            ? throw json.Refuse(other, $"is {json.Integer(other, 1, MaximumExperts)} where {names[0]} is {count}; remove one of them")
            : count;
    }

    // Asked for by output_router_logits, as in transformers.
    private static double Balancing(ConfigJson json, double? missing)
    {
        var factor = json.Number("router_aux_loss_coef", 0, 1e6, missing ?? 0);
        if (!json.Flag("output_router_logits", false)) return 0;
        return missing is not null || factor == 0 ? factor : throw json.Refuse(
            "output_router_logits", $"asks for a load-balancing loss (router_aux_loss_coef {factor}), which models of this family do not have: their router's correction balances them; set it to false");
    }

    // Refuses numbers that contradict each other.
    private static ExpertConfig Checked(ConfigJson json, int layers, ExpertConfig experts, string perToken)
    {
        if ((long)layers * experts.Count > MaximumOfModel)
            throw json.Refuse("num_hidden_layers", $"({layers}) times {experts.Count} experts are more than the {MaximumOfModel:N0} experts that a model may have");
        if (experts.PerToken > experts.Count)
            throw json.Refuse(perToken, $"({experts.PerToken}) is more than the {experts.Count} experts of a layer");
        if (experts.Groups == 1 && experts.ChosenGroups == 1) return experts;
        if (experts.Count % experts.Groups != 0 || experts.Count / experts.Groups < 2)
            throw json.Refuse("n_group", $"({experts.Groups}) must divide the {experts.Count} experts into groups of two or more");
        if (experts.ChosenGroups > experts.Groups) throw json.Refuse("topk_group", $"({experts.ChosenGroups}) is more than n_group ({experts.Groups})");
        var within = experts.ChosenGroups * (experts.Count / experts.Groups);
        return experts.PerToken <= within ? experts
            : throw json.Refuse(perToken, $"({experts.PerToken}) is more than the {within} experts of topk_group ({experts.ChosenGroups}) groups");
    }
}

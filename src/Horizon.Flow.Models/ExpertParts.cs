using Horizon.Flow.Models.Dense;
using Horizon.Flow.Models.Experts;
using Horizon.Flow.Units;

namespace Horizon.Flow.Models;

/// <summary>
/// The experts of a layer as several units (<see cref="ModelConfig.ExpertParts"/>), whose visits add into one value: device buffers are then as large as one of them, and the first
/// experts compute while the last are on their way.
/// </summary>
public static class ExpertParts
{
    /// <summary>Parameters of a part at most, where <see cref="ChooseFor"/> chooses: 2 GiB in bf16. Smaller ones are slower where device memory is not short: 6 % for two parts of Qwen3-30B-A3B's layers.</summary>
    public const long LargestByChoice = 1L << 30;

    /// <summary>The smallest number of equal parts none of which is larger than <see cref="LargestByChoice"/>; 1 where a model's experts are not many, or cannot be in parts.</summary>
    /// <param name="config">The model's.</param>
    public static int ChooseFor(ModelConfig config)
    {
        ArgumentNullException.ThrowIfNull(config);
        if (config is not DenseConfig { Experts: { } experts } dense || Refusal(dense) is not null) return 1;
        var parameters = ExpertLayout.Part(experts with { Parts = 1 }, dense.HiddenSize, 0).Sum(parameter => parameter.Shape.Aggregate(1L, (product, extent) => product * extent));
        return Enumerable.Range(1, experts.Count).First(parts => experts.Count % parts == 0 && (parameters / parts <= LargestByChoice || parts == experts.Count));
    }

    /// <summary>The same model with its experts in as many parts as it says.</summary>
    /// <exception cref="HorizonException">It cannot be.</exception>
    internal static DenseConfig Apply(DenseConfig config)
    {
        if (config.ExpertParts == 1 || config.Experts is not { } experts) return config;
        if (Refusal(config) is { } why) throw Refused(config, $"{why}; set it to 1");
        if (config.ExpertParts < 1 || experts.Count % config.ExpertParts != 0) throw Refused(config, $"it must divide the {experts.Count} experts of a layer");
        return config with { Experts = experts with { Parts = config.ExpertParts } };
    }

    /// <summary>A number of parts of a model without experts is refused, whoever built it. A configuration may have experts, and none of its layers any.</summary>
    /// <exception cref="HorizonException">It has none.</exception>
    internal static void RequireExperts(ModelConfig config, ModelDefinition model)
    {
        if (config.ExpertParts != 1 && config is not DenseConfig { Experts: not null } && !model.Hidden.Any(binding => binding.Template.IsPart)) throw Refused(config, "the model has no experts; leave it out");
    }

    private static HorizonException Refused(ModelConfig config, string why) => new($"the experts of {config.Architecture} cannot be in {config.ExpertParts} parts (training.expert_parts): {why}");

    // What is not a sum of parts.
    internal static string? Refusal(DenseConfig config) =>
        config.NormAfter || config.ExpertsBeside || config.Parallel || config.LayerScalar || config.ResidualScale != 1 || config.CarriedWidth != config.HiddenSize ? "its layers go on behind their experts" : null;
}

using Horizon.Flow.Alignment.Distillation;
using Horizon.Flow.Alignment.Policies;
using Horizon.Flow.Alignment.Preferences;
using Horizon.Flow.Alignment.Rewards;
using Horizon.Flow.Runs.Loading;
using Horizon.Flow.Runs.Sections;

namespace Horizon.Flow.Runs.Objectives;

/// <summary>The objectives by the names that a configuration gives them.</summary>
internal static class ObjectiveKinds
{
    private static readonly Dictionary<string, ObjectiveKind> Kinds = new(StringComparer.Ordinal)
    {
        ["next_token"] = new(ObjectiveData.Text, [], (_, _) => null),
        ["dpo"] = Dpo(DpoLoss.Sigmoid, "beta", "label_smoothing", "length_normalised", "reference"),
        ["ipo"] = Dpo(DpoLoss.Ipo, "beta", "length_normalised", "reference"),
        ["hinge"] = Dpo(DpoLoss.Hinge, "beta", "length_normalised", "reference"),
        ["robust"] = Dpo(DpoLoss.Robust, "beta", "label_smoothing", "length_normalised", "reference"),
        ["kto"] = new(ObjectiveData.Rated, ["beta", "desirable_weight", "undesirable_weight", "reference"], (section, _) => new KtoObjective
        {
            Beta = section.Beta ?? new KtoObjective().Beta,
            DesirableWeight = section.DesirableWeight ?? 1,
            UndesirableWeight = section.UndesirableWeight ?? 1,
        }) { NeedsReference = true },
        ["orpo"] = new(ObjectiveData.Pairs, ["lambda"], (section, _) => new OrpoObjective { Lambda = section.Lambda ?? new OrpoObjective().Lambda }),
        ["simpo"] = new(ObjectiveData.Pairs, ["beta", "margin"], (section, _) => new SimpoObjective
        {
            Beta = section.Beta ?? new SimpoObjective().Beta,
            Margin = section.Margin ?? new SimpoObjective().Margin,
        }),
        ["cpo"] = new(ObjectiveData.Pairs, ["beta", "likelihood_weight"], (section, _) => new CpoObjective
        {
            Beta = section.Beta ?? new CpoObjective().Beta,
            LikelihoodWeight = section.LikelihoodWeight ?? new CpoObjective().LikelihoodWeight,
        }),
        ["reward"] = new(ObjectiveData.Pairs, ["centering"], (section, _) => new RewardObjective { Centering = section.Centering ?? 0 }) { IsReward = true },
        ["distillation"] = new(ObjectiveData.Text, ["teacher", "logits", "top_k", "temperature", "divergence", "cross_entropy_weight"], (section, _) => new DistillationObjective
        {
            Divergence = section.Divergence ?? Divergence.Forward,
            Temperature = section.Temperature ?? 1,
            TopK = section.TopK,
            CrossEntropyWeight = section.CrossEntropyWeight ?? 0,
        }) { IsDistillation = true },
        ["grpo"] = Policy(_ => GrpoObjective.Grpo),
        ["dapo"] = Policy(_ => GrpoObjective.Dapo),
        ["dr_grpo"] = Policy(GrpoObjective.DrGrpo) with { ScalesAdvantages = false },
        ["gspo"] = Policy(_ => GrpoObjective.Gspo),
    };

    /// <summary>All names.</summary>
    public static IReadOnlyCollection<string> Names => Kinds.Keys;

    /// <summary>The keys of all options.</summary>
    public static IEnumerable<string> Options => Kinds.Values.SelectMany(kind => kind.Options).Distinct();

    /// <summary>The objective that is named; the name is known.</summary>
    public static ObjectiveKind Of(ObjectiveSection section) => Kinds[section.Name];

    /// <summary>The options that are set, by their keys.</summary>
    public static IEnumerable<(string Key, object Value)> Set(ObjectiveSection section) => ConfigurationSchema.Keys(typeof(ObjectiveSection))
        .Where(key => key.Key != "name").Select(key => (key.Key, Value: key.Value.Property.GetValue(section))).Where(option => option.Value is not null).Select(option => (option.Key, option.Value!));

    // The settings of a paper, but for what is set.
    private static ObjectiveKind Policy(Func<int, GrpoObjective> settings) => new(ObjectiveData.Prompts, ["beta", "clip_low", "clip_high"], (section, rollouts) =>
    {
        var paper = settings(rollouts.MaxTokens);
        return new GrpoObjective
        {
            Beta = section.Beta ?? paper.Beta,
            ClipLow = section.ClipLow ?? paper.ClipLow,
            ClipHigh = section.ClipHigh ?? paper.ClipHigh,
            BySequence = paper.BySequence,
            Mean = paper.Mean,
            Constant = paper.Constant,
        };
    });

    private static ObjectiveKind Dpo(DpoLoss loss, params string[] options) => new(ObjectiveData.Pairs, options, (section, _) => new DpoObjective
    {
        Kind = loss,
        Beta = section.Beta ?? new DpoObjective().Beta,
        LabelSmoothing = section.LabelSmoothing ?? 0,
        LengthNormalised = section.LengthNormalised ?? false,
    }) { NeedsReference = true };
}

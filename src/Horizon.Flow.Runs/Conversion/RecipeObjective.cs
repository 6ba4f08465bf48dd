using Horizon.Flow.Runs.Objectives;
using Horizon.Flow.Runs.Validation;

namespace Horizon.Flow.Runs.Conversion;

/// <summary>What a recipe learns from preferences: LLaMA-Factory's <c>stage</c> and <c>pref_loss</c>, axolotl's <c>rl</c> and <c>reward_model</c>.</summary>
internal sealed class RecipeObjective(RecipeDraft draft, Func<string, string?> said)
{
    private const string Section = "training.objective";

    // LLaMA-Factory's margin of SimPO, and the margin and the strength of axolotl's, where a recipe says none.
    private const string UsualMargin = "0.5";

    /// <summary>Whether the recipe learns from preferences; its keys are known to be here then.</summary>
    public bool IsLearned { get; private set; }

    /// <summary>Sets the keys of the objective.</summary>
    public void Convert()
    {
        switch (said("stage"))
        {
            case null or "sft": break;
            case "pt": draft.Set("data.format", "text"); break;
            case "rm": Set("reward"); break;
            case "kto": Kto("kto_chosen_weight", "kto_rejected_weight"); break;
            case "dpo": Preferences(said("pref_loss") ?? "sigmoid"); break;
            case { } stage: draft.Missing.Add($"stage: {Quoting.OneLine(stage)}: what it learns from answers of its own, or in another way, is in docs/alignment.md."); break;
        }

        if (said("reward_model") is "true" or "True") Set("reward");
        if (said("center_rewards_coefficient") is { } centering && IsLearned) draft.Set($"{Section}.centering", centering);
        switch (said("rl"))
        {
            case null: break;
            case "kto": Kto("kto_desirable_weight", "kto_undesirable_weight"); break;
            case var loss and ("dpo" or "ipo" or "orpo" or "simpo"): Preferences(loss); break;
            case { } other: draft.Missing.Add($"rl: {Quoting.OneLine(other)}: what it learns from answers of its own, or in another way, is in docs/alignment.md."); break;
        }
    }

    private void Preferences(string loss)
    {
        switch (loss)
        {
            case "sigmoid" or "dpo":
                Set("dpo", "beta");
                if (said("dpo_norm_loss") is "true" or "True") draft.Set($"{Section}.length_normalised", "true");
                if (said("dpo_label_smoothing") is { } smoothing) draft.Set($"{Section}.label_smoothing", smoothing);
                break;
            case "ipo" or "hinge":
                Set(loss, "beta");
                break;
            case "robust":
                Set(loss, "beta");
                draft.Set($"{Section}.label_smoothing", said("dpo_label_smoothing") ?? "0");
                break;
            case "orpo":
                Set(loss, "lambda", "orpo_alpha");
                break;
            case "simpo":
                Set(loss, "beta");
                draft.Set($"{Section}.margin", said("simpo_gamma") ?? UsualMargin);
                if (said("rl") is not null && said("cpo_alpha") is not "0" and not "0.0")
                    draft.Changed.Add("rl: simpo: axolotl adds the preferred answer's likelihood (cpo_alpha, 1 where it is not said); simpo is the paper's loss here, without it.");
                break;
            default:
                draft.Missing.Add($"pref_loss: {Quoting.OneLine(loss)}: {Section}.name is one of {string.Join(", ", ObjectiveKinds.Names)}.");
                break;
        }
    }

    private void Kto(string desirable, string undesirable)
    {
        Set("kto", "beta");
        if (said(desirable) is { } wanted) draft.Set($"{Section}.desirable_weight", wanted);
        if (said(undesirable) is { } unwanted) draft.Set($"{Section}.undesirable_weight", unwanted);
    }

    /// <param name="name">The objective.</param>
    /// <param name="strength">What is ours of their β; null where it has none.</param>
    /// <param name="own">A key of theirs that comes before β.</param>
    private void Set(string name, string? strength = null, string? own = null)
    {
        IsLearned = true;
        draft.Set($"{Section}.name", name);
        if (strength is not null) draft.Set($"{Section}.{strength}", (own is null ? null : said(own)) ?? said("pref_beta") ?? said("rl_beta") ?? "0.1");
    }
}

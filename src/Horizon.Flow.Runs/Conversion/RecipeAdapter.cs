using System.Globalization;
using Horizon.Flow.Models.Adapters;
using Horizon.Flow.Runs.Validation;

namespace Horizon.Flow.Runs.Conversion;

/// <summary>The adapters of a recipe: LLaMA-Factory's <c>finetuning_type: lora</c>, which is also what it does where it says nothing, and axolotl's <c>adapter</c>.</summary>
internal sealed class RecipeAdapter(RecipeDraft draft, Func<string, string?> said)
{
    private const string Section = "training.adapter";

    /// <summary>Sets the keys of the adapters.</summary>
    /// <param name="isAxolotl">Whether they are axolotl's.</param>
    /// <param name="targets">The matrices that the recipe names; empty for none.</param>
    public void Convert(bool isAxolotl, IReadOnlyList<object> targets)
    {
        var kind = isAxolotl ? said("adapter") : said("finetuning_type") ?? "lora";
        if (kind is null or "full") return;
        if (kind is not ("lora" or "qlora"))
        {
            draft.Missing.Add($"{(isAxolotl ? "adapter" : "finetuning_type")}: {Quoting.OneLine(kind)}: all parameters are trained, or low-rank adapters (training.adapter).");
            return;
        }

        if (!isAxolotl && said("finetuning_type") is null) draft.Changed.Add("finetuning_type is not said, which is lora in LLaMA-Factory: leave training.adapter out to train all parameters.");
        if (kind == "qlora") draft.Changed.Add("adapter: qlora: the base is not quantized here: it streams from host memory in bf16.");
        if ((said("adapter_name_or_path") ?? said("lora_model_dir")) is { } path)
        {
            draft.Set($"{Section}.path", path); // which says the rest
            return;
        }

        var rank = said("lora_rank") ?? said("lora_r") ?? "8";
        draft.Set($"{Section}.rank", rank);
        draft.Set($"{Section}.alpha", said("lora_alpha") ?? (isAxolotl ? "16" : Twice(rank)));
        if (said("lora_dropout") is { } dropout && Number(dropout) != 0) draft.Changed.Add($"lora_dropout: {dropout}: adapters have no dropout here.");
        if (said("use_rslora") is "true" or "True" || said("peft_use_rslora") is "true" or "True") draft.Set($"{Section}.rank_stabilized", "true");
        if (targets.Count > 0 && !targets.Contains("all") && !targets.Contains(AdapterConfig.AllLinear)) draft.Set($"{Section}.targets", targets);
    }

    private static string Twice(string rank) => ((Number(rank) ?? 0) * 2).ToString(CultureInfo.InvariantCulture);

    private static double? Number(string text) => double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) ? number : null;
}

using Horizon.Flow.Host.Store;
using Horizon.Flow.Units;

namespace Horizon.Flow.Alignment.Rewards;

/// <summary>
/// A model that gives a sequence a number: the layers of a language model, its final norm, and one row in the place of the output projection, as
/// transformers' <c>AutoModelForSequenceClassification</c> with one label.
/// </summary>
public static class RewardModel
{
    /// <summary>The role and the tensor's name of the row that scores: [1, hidden].</summary>
    public const string Score = "score.weight";

    private const string Suffix = "ForSequenceClassification";

    private static readonly string[] LanguageModels = ["ForCausalLM", "LMHeadModel"];

    /// <summary>The reward model over a language model's layers. The score is a unit with the norm, whether the language model's head was tied or not.</summary>
    /// <param name="model">The language model.</param>
    /// <exception cref="HorizonException">Its head has no norm that stands alone.</exception>
    public static ModelDefinition Of(ModelDefinition model)
    {
        ArgumentNullException.ThrowIfNull(model);
        var (plain, place) = (model.Head.Template, model.Head.Unit);
        List<ParameterSlot> norm = [.. model.Units[place].Parameters.Where(slot => plain.NormRoles.Contains(slot.Role))];
        if (norm.Count == 0) throw new HorizonException($"the head of {model.Architecture} has no norm that stands alone, so it cannot become a reward model's; override {nameof(IHeadTemplate.NormRoles)} in its template");
        var head = new UnitLayout("head", "head", [.. norm.Select(Named), (Score, Score, new long[] { 1, norm[0].Shape[^1] })]);
        var isTied = model.Hidden.Any(binding => binding.Unit == place);
        UnitLayout[] units = isTied
            ? [.. model.Units.Select((unit, i) => i == place ? Without(unit, norm) : unit), head]
            : [.. model.Units.Select((unit, i) => i == place ? head : unit)];
        return model with
        {
            Architecture = ArchitectureOf(model.Architecture),
            Units = units,
            Head = new HeadBinding(isTied ? units.Length - 1 : place, new ScoreHead(plain)),
        };
    }

    /// <summary><c>LlamaForCausalLM</c> as <c>LlamaForSequenceClassification</c>.</summary>
    public static string ArchitectureOf(string languageModel)
    {
        ArgumentNullException.ThrowIfNull(languageModel);
        var end = Array.Find(LanguageModels, suffix => languageModel.EndsWith(suffix, StringComparison.Ordinal));
        return (end is null ? languageModel : languageModel[..^end.Length]) + Suffix;
    }

    /// <summary>The language model among some whose layers a reward model has; null where none is, or where it is no reward model.</summary>
    /// <param name="architecture">Such as <c>LlamaForSequenceClassification</c>.</param>
    /// <param name="languageModels">The architectures that are known.</param>
    public static string? LanguageModelOf(string architecture, IEnumerable<string> languageModels) => languageModels.FirstOrDefault(known => ArchitectureOf(known) == architecture);

    private static UnitLayout Without(UnitLayout unit, List<ParameterSlot> some) => new(
        "embedding", "embedding", unit.Parameters.Except(some).Select(Named), unit.Parameters.Where(slot => slot.IsFixed).Select(slot => slot.Role).ToHashSet());

    private static (string Role, string TensorName, long[] Shape) Named(ParameterSlot slot) => (slot.Role, slot.TensorName, [.. slot.Shape]);
}

using Horizon.Flow.Runs.Loading;
using Horizon.Flow.Runs.Objectives;
using Horizon.Flow.Runs.Sections;

namespace Horizon.Flow.Runs.Validation;

/// <summary>The rules of <c>training.objective</c>.</summary>
internal static class ObjectiveRules
{
    private const string Section = "training.objective";

    public static void Check(Checks checks, RunConfiguration configuration)
    {
        var objective = configuration.Training.Objective;
        if (!ObjectiveKinds.Names.Contains(objective.Name))
        {
            checks.That(false, $"{Section}.name", $"'{objective.Name}'", $"one of {string.Join(", ", ObjectiveKinds.Names)}; the nearest is {NearestKey.Find(objective.Name, ObjectiveKinds.Names)}");
            return;
        }

        var known = ObjectiveKinds.Of(objective).Options;
        foreach (var (key, value) in ObjectiveKinds.Set(objective))
            checks.That(known.Contains(key), $"{Section}.{key}", value, $"left out: {objective.Name} has {(known.Count == 0 ? "no options" : $"the options {string.Join(", ", known)}")}");
        if (ObjectiveKinds.Of(objective).IsOnPolicy) checks.AtLeast($"{Section}.beta", objective.Beta ?? 0, 0);
        else Positive(nameof(ObjectiveSection.Beta), objective.Beta);
        checks.Decay($"{Section}.clip_low", objective.ClipLow ?? 0);
        checks.AtLeast($"{Section}.clip_high", objective.ClipHigh ?? 0, 0);
        Positive(nameof(ObjectiveSection.Lambda), objective.Lambda);
        Positive(nameof(ObjectiveSection.DesirableWeight), objective.DesirableWeight);
        Positive(nameof(ObjectiveSection.UndesirableWeight), objective.UndesirableWeight);
        Positive(nameof(ObjectiveSection.Temperature), objective.Temperature);
        checks.AtLeast($"{Section}.margin", objective.Margin ?? 0, 0);
        checks.AtLeast($"{Section}.likelihood_weight", objective.LikelihoodWeight ?? 0, 0);
        checks.AtLeast($"{Section}.centering", objective.Centering ?? 0, 0);
        checks.That(!ObjectiveKinds.Of(objective).IsReward || configuration.Evaluation.Prompt is null, "evaluation.prompt", $"'{configuration.Evaluation.Prompt}'", $"left out: a model of {Section}.name {objective.Name} continues no text");
        checks.That(objective.LabelSmoothing is null or (>= 0 and < 0.5), $"{Section}.label_smoothing", objective.LabelSmoothing, "at least 0 and less than 0.5");

        CheckDistillation(checks, objective);

        void Positive(string property, double? value) => checks.Positive($"{Section}.{ConfigurationSchema.KeyName(property)}", value ?? 1);
    }

    private static void CheckDistillation(Checks checks, ObjectiveSection objective)
    {
        checks.AtLeast($"{Section}.top_k", objective.TopK ?? 1, 1);
        checks.That(objective.CrossEntropyWeight is null or (>= 0 and <= 1), $"{Section}.cross_entropy_weight", objective.CrossEntropyWeight, "from 0 to 1");
        checks.Exists($"{Section}.teacher", objective.Teacher, folderOnly: true);
        if (!ObjectiveKinds.Of(objective).IsDistillation) return;
        if (objective.Logits is null || !File.Exists(objective.Logits)) checks.Required($"{Section}.teacher", objective.Teacher, "the model folder to learn from");
        checks.That(objective.Logits is null || objective.TopK is not null, $"{Section}.top_k", "empty", $"the number of tokens that {Section}.logits keeps of each label");
    }
}

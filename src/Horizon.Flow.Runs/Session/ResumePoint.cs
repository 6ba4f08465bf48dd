using System.IO.Hashing;
using System.Text.Json;
using Horizon.Flow.Distributed;
using Horizon.Flow.Host.Checkpoints;
using Horizon.Flow.Host.Store;
using Horizon.Flow.Models;
using Horizon.Flow.Runs.Blueprint;
using Horizon.Flow.Runs.Data;
using Horizon.Flow.Runs.Loading;
using Horizon.Flow.Runs.Objectives;
using Horizon.Flow.Runs.Sections;

namespace Horizon.Flow.Runs.Session;

/// <summary>Finds the checkpoint that a run goes on from, and makes sure that it is one of the same run.</summary>
internal static class ResumePoint
{
    private const string ModelFingerprint = "model_fingerprint";

    /// <summary>What a checkpoint's numbers, or its place in the data, depend on. Model, precision and frozen units show in its contents.</summary>
    private static readonly HashSet<string> Fixed =
    [
        "data.format", "data.sequence_length", "data.packing", "data.too_long", "data.shuffle", "data.train_on_prompt", "data.train_on", "data.group_by_length",
        "training.batch_size", "training.gradient_accumulation", "training.seed", "training.objective.name", "rollouts.prompts", "rollouts.group", "rollouts.every_steps",
        "training.adapter.rank", "training.adapter.alpha", "training.adapter.targets", "training.adapter.rank_stabilized", "training.adapter.path",
    ];

    /// <summary>What shapes the steps to come, and no others.</summary>
    private static readonly HashSet<string> Announced =
    [
        "training.max_steps", "training.epochs", "training.max_grad_norm", "training.deterministic", "training.label_smoothing", "training.neftune_alpha",
        "training.precision", "training.fp8.scaling", "training.fp8.gradients", "training.fp8.fast_gradients", "training.fp8.bf16_layers",
        "optimizer.learning_rate", "optimizer.betas", "optimizer.eps", "optimizer.weight_decay", "optimizer.momentum", "optimizer.groups",
        "schedule.name", "schedule.warmup_steps", "schedule.warmup_ratio", "schedule.cycles", "schedule.power", "schedule.min_learning_rate", "schedule.decay_fraction",
        "rollouts.max_tokens", "rollouts.temperature", "rollouts.rewards.command", "rollouts.rewards.contains", "rollouts.rewards.matches", "rollouts.rewards.equal", "rollouts.rewards.model",
        .. ObjectiveKinds.Options.Select(option => $"training.objective.{option}"),
    ];

    /// <summary>Clears away what a dead run left, and says whether there is something to go on from.</summary>
    /// <param name="configuration">The run.</param>
    /// <param name="resume">Whether the user asked for it.</param>
    /// <param name="notice">Takes a sentence for the user.</param>
    /// <exception cref="HorizonException">There is, but the user did not ask; or the user asked in a folder whose run left none.</exception>
    public static bool Find(RunConfiguration configuration, bool resume, Action<string> notice)
    {
        var folder = RunBlueprint.CheckpointsOf(configuration);
        folder.RemoveUnfinished();
        if (folder.Steps is [var newest, ..])
        {
            return resume ? true : throw new HorizonException(
                $"output.directory has checkpoints of an earlier run, up to step {newest}, in {folder.Path}; add --resume to go on from there, name another output.directory, or remove that folder");
        }

        var model = Path.Combine(configuration.Output.Directory!, "model");
        var hasEnded = Directory.Exists(model);
        if (!resume)
        {
            return hasEnded && !configuration.Output.Overwrite
                ? throw new HorizonException(
                    $"a run has ended in output.directory {configuration.Output.Directory}, and left its model there; name another output.directory, set output.overwrite: true to replace model and metrics, or, to train that model further, set model.path to {model} as well")
                : false;
        }

        if (hasEnded)
            throw new HorizonException($"--resume: a run has ended in {configuration.Output.Directory} and left no checkpoint; train again from {model} as model.path, into another output.directory, or leave --resume out");
        notice($"--resume: there is no checkpoint in {folder.Path} yet, so training begins with step 1");
        return false;
    }

    /// <summary>What a checkpoint of the run holds, and of that its store, where it has slices.</summary>
    public static (CheckpointContents Contents, CheckpointCut? Cut) ContentsOf(RunBlueprint blueprint, TrainingPlan plan, ParameterStore store) =>
        blueprint.Ranks is { } ranks ? RankStores.Contents(plan, store, ranks) : (CheckpointContents.Of(blueprint.Model.Architecture, store, plan.Options.Optimizer), null);

    /// <summary>Fills the store from the newest whole checkpoint.</summary>
    /// <exception cref="HorizonException">None is whole, or it is not of this run: every difference is listed.</exception>
    public static async Task<TrainingCheckpoint> LoadAsync(
        RunBlueprint blueprint, TrainingPlan plan, ParameterStore store, TrainingData data, Action<string> notice, CancellationToken cancellation)
    {
        var folder = RunBlueprint.CheckpointsOf(blueprint.Configuration);
        var (contents, cut) = ContentsOf(blueprint, plan, store);
        var checkpoint = await folder.LoadNewestAsync(store, contents, notice, manifest => Differences(manifest, blueprint, data), cancellation, cut).ConfigureAwait(false)
            ?? throw new HorizonException($"the checkpoints in {folder.Path} are gone");
        notice($"going on from {checkpoint.Path}");
        var changed = Changes(checkpoint.Manifest, blueprint.Configuration).Where(change => Announced.Contains(change.Key)).ToList();
        if (changed.Count > 0)
            notice($"changed for the steps to come: {string.Join(", ", changed.Select(change => $"{change.Key} from {change.Before} to {change.After}"))}");
        return checkpoint;
    }

    /// <summary>The configuration with what a run that goes on began with, where it leaves that to the program: the batch size, since memory may be another by now, and the parts of experts.</summary>
    /// <exception cref="HorizonException">Its checkpoints have experts in another number of parts than it asks for.</exception>
    public static RunConfiguration AsBegun(RunConfiguration configuration, bool resume)
    {
        if (!resume || NewestOf(RunBlueprint.CheckpointsOf(configuration)) is not var (path, saved)) return configuration;
        var training = configuration.Training;
        var parts = saved.ChoosesExpertParts ? 1 : saved.ExpertParts; // older than the key
        if (!training.ChoosesExpertParts && training.ExpertParts != parts)
            throw new HorizonException($"training.expert_parts is {training.ExpertParts}, and the checkpoint {path} has the experts of a layer in {parts} part(s); set it to {parts}, or leave it out");
        return configuration with { Training = training with { BatchSize = training.ChoosesBatchSize ? saved.BatchSize : training.BatchSize, ExpertParts = parts } };
    }

    private static (string Path, TrainingSection Saved)? NewestOf(TrainingCheckpoints folder)
    {
        foreach (var step in folder.Steps)
        {
            try
            {
                var checkpoint = folder.Open(step);
                return (checkpoint.Path, Saved(checkpoint.Manifest).Training);
            }
            catch (HorizonException)
            {
                // Damaged; loading says so.
            }
        }

        return null;
    }

    /// <summary>What a run needs beside the store to go on after a step, and to know its own checkpoint again.</summary>
    public static IReadOnlyDictionary<string, string> ProgressAfter(long step, RunBlueprint blueprint, TrainingData data) => new Dictionary<string, string>(data.PlaceAfter(step))
    {
        [ModelFingerprint] = Fingerprint(blueprint.ModelConfig with { CheckpointType = null }),
    };

    // The model's shapes show in the layout; what its operators do with them does not.
    private static string Fingerprint(ModelConfig model) => Convert.ToHexStringLower(XxHash128.Hash(JsonSerializer.SerializeToUtf8Bytes(model, model.GetType())));

    private static IEnumerable<string> Differences(CheckpointManifest manifest, RunBlueprint blueprint, TrainingData data)
    {
        var all = Changes(manifest, blueprint.Configuration);
        var changes = all.Where(change => Fixed.Contains(change.Key)).ToList();
        foreach (var change in changes) yield return $"{change.Key} is {change.Before} there, {change.After} here";
        var here = ProgressAfter(manifest.Step, blueprint, data);
        bool IsOther(string key) => manifest.Progress.GetValueOrDefault(key) != here[key];
        if (IsOther(ModelFingerprint)) yield return $"{Path.Combine(blueprint.Configuration.Model.Path!, "config.json")} does not describe the model that the run began with";
        if (here.ContainsKey(TrainingData.ReferenceKey) && IsOther(TrainingData.ReferenceKey))
            yield return $"what {blueprint.RelativeTo} names is not what the run began with, and training is relative to it";
        // What follows from another way to read the data needs no saying.
        if (changes.Count == 0 && here.Keys.Any(key => key is not (ModelFingerprint or TrainingData.ReferenceKey) && IsOther(key)))
            yield return $"the tokens of {OtherTokens(all, blueprint.Configuration.Data)}";
    }

    private static string OtherTokens(IReadOnlyList<ConfigurationDifference> changes, DataSection data)
    {
        var others = $"data.{(data.Sets.Count > 0 ? "sets" : "path")} are not those that the run began with";
        var changed = changes.Where(change => change.Key.StartsWith("data.", StringComparison.Ordinal) || change.Key == "evaluation.fraction").ToList();
        if (changed.Count > 0) return $"{others}: {string.Join(", ", changed.Select(change => $"{change.Key} is {change.Before} there, {change.After} here"))}";
        return $"{others}: its files or the tokenizer are others{(data.Date is null ? ", or a chat template writes today's date, which data.date sets" : "")}";
    }

    // Not validated: files may have moved since.
    private static IReadOnlyList<ConfigurationDifference> Changes(CheckpointManifest manifest, RunConfiguration configuration) => ConfigurationDifference.Between(Saved(manifest), configuration);

    private static RunConfiguration Saved(CheckpointManifest manifest) => Parse(manifest.Configuration);

    /// <summary>A configuration as <see cref="ConfigurationWriter"/> writes it.</summary>
    public static RunConfiguration Parse(string yaml)
    {
        var problems = new ProblemList();
        var saved = new ConfigurationBinder(problems).Bind(YamlReader.Read(yaml, "the checkpoint's configuration", Environment.CurrentDirectory));
        problems.ThrowIfAny();
        return saved;
    }
}

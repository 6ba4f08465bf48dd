using System.Text.RegularExpressions;
using Horizon.Flow.Blocks;
using Horizon.Flow.Host.Optimizers;
using Horizon.Flow.Runs.Loading;
using Horizon.Flow.Runs.Sections;
using Horizon.Flow.Text.Data;
using Horizon.Flow.Text.Templates;
using Horizon.Flow.Text.Tokenizers;

namespace Horizon.Flow.Runs.Validation;

/// <summary>The rules that hold between a configuration's values, whether it came from a file or from code.</summary>
public static partial class ConfigurationValidator
{
    /// <summary>Everything that is wrong; empty where nothing is.</summary>
    /// <param name="configuration">What to look at. Its paths are looked up on the disk; nothing is made or changed there.</param>
    /// <param name="use">What it must name.</param>
    public static IReadOnlyList<ConfigurationProblem> Validate(RunConfiguration configuration, ConfigurationUse use = ConfigurationUse.Train)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        var checks = new Checks();
        CheckPaths(checks, configuration, use);
        CheckTraining(checks, configuration);
        ObjectiveRules.Check(checks, configuration);
        RolloutRules.Check(checks, configuration);
        CheckOptimizer(checks, configuration.Optimizer);
        CheckSchedule(checks, configuration);
        CheckRest(checks, configuration);
        return checks.Problems;
    }

    private static void CheckPaths(Checks checks, RunConfiguration configuration, ConfigurationUse use)
    {
        checks.Required("model.path", configuration.Model.Path, "a Hugging Face model folder");
        checks.Exists("model.path", configuration.Model.Path, folderOnly: true);
        if (use == ConfigurationUse.Inspect)
            return;
        var data = configuration.Data;
        if (data.Sets.Count == 0)
            checks.Required("data.path", data.Path, "a file or folder to train on");
        checks.That(data.Sets.Count == 0 || data.Path is null, "data.path", $"'{data.Path}'", "empty where data.sets names the data");
        CheckData(checks, "data.path", data.Path);
        for (var i = 0; i < data.Sets.Count; i++)
        {
            checks.Required($"data.sets[{i}].path", data.Sets[i].Path, "a file or folder to train on");
            CheckData(checks, $"data.sets[{i}].path", data.Sets[i].Path);
        }

        checks.Exists("evaluation.path", configuration.Evaluation.Path);
        if (data.ChatTemplate is { } template && TokenizerChanges.IsName(template)) checks.OneOf("data.chat_template", template, [.. KnownTemplates.Names, "a file such as ./chat_template.jinja"]);
        else checks.Exists("data.chat_template", data.ChatTemplate);
        if (use != ConfigurationUse.Train)
            return;
        var output = configuration.Output.Directory;
        checks.Required("output.directory", output, "a folder for the model and the metrics");
        checks.That(!File.Exists(output), "output.directory", $"'{output}'", "a folder; a file of that name is in the way");
    }

    // A pattern is looked up when the data is read.
    private static void CheckData(Checks checks, string key, string? path)
    {
        if (path is null || path.AsSpan().IndexOfAny('*', '?') < 0)
            checks.Exists(key, path);
    }

    private static void CheckTraining(Checks checks, RunConfiguration configuration)
    {
        var training = configuration.Training;
        if (!training.ChoosesBatchSize) checks.AtLeast("training.batch_size", training.BatchSize, 1);
        checks.AtLeast("training.gradient_accumulation", training.GradientAccumulation, 1);
        checks.AtLeast("training.max_steps", training.MaxSteps ?? 0, 0);
        checks.AtLeast("training.epochs", training.Epochs ?? 1, 1);
        checks.AtLeast("training.seed", training.Seed, 0);
        checks.AtLeast("training.max_grad_norm", training.MaxGradNorm ?? 0, 0.0);
        checks.AtLeast("training.recompute_interval", training.RecomputeInterval, 1);
        if (!training.ChoosesExpertParts) checks.AtLeast("training.expert_parts", training.ExpertParts, 1);
        checks.Decay("training.label_smoothing", training.LabelSmoothing);
        checks.AtLeast("training.neftune_alpha", training.NeftuneAlpha, 0);
        checks.That(!configuration.Data.GroupByLength || !configuration.Data.Packing, "data.group_by_length", "true", "false where data.packing fills rows anyway, or set data.packing: false");
        checks.AtLeast("training.max_skipped_steps", training.MaxSkippedSteps ?? 0, 0);
        checks.That(training.CpuThreads is null or (>= 1 and <= 1024), "training.cpu_threads", training.CpuThreads, "1 to 1024, or empty to leave it to libtorch");
        checks.AtLeast("training.loss_spike_deviations", training.LossSpikeDeviations ?? 0, 0.0);
        foreach (var pattern in training.Freeze)
            checks.That(!string.IsNullOrWhiteSpace(pattern), "training.freeze", "a list with an empty pattern", "a list of unit names or patterns");
        CheckAdapter(checks, configuration);
        CheckFp8(checks, training);
        checks.AtLeast("data.sequence_length", configuration.Data.SequenceLength ?? 1, 1);
        checks.That(configuration.Data.MaxBadShare is >= 0 and <= 1, "data.max_bad_share", configuration.Data.MaxBadShare, "from 0 to 1");
        checks.AtLeast("data.max_samples", configuration.Data.MaxSamples ?? 1, 1);
        for (var i = 0; i < configuration.Data.Sets.Count; i++)
        {
            checks.That(configuration.Data.Sets[i].Weight is > 0 and <= 1000, $"data.sets[{i}].weight", configuration.Data.Sets[i].Weight, "more than 0 and at most 1000");
            checks.AtLeast($"data.sets[{i}].max_samples", configuration.Data.Sets[i].MaxSamples ?? 1, 1);
        }

        checks.That(configuration.Data.Date is null || DateOnly.TryParseExact(configuration.Data.Date, "yyyy-MM-dd", out _), "data.date", $"'{configuration.Data.Date}'", "a date such as 2026-01-31");
        checks.That(!configuration.Data.TrainOnPrompt || configuration.Data.TrainOn is TrainOn.Answers or TrainOn.All, "data.train_on", ConfigurationSchema.ValueName(configuration.Data.TrainOn), "answers or all where data.train_on_prompt is true");
        checks.That(configuration.Data.TrainOn != TrainOn.Each || configuration.Evaluation.Fraction == 0, "evaluation.fraction", configuration.Evaluation.Fraction, "0 where data.train_on is each, since parts of one conversation would be held out and trained on: give evaluation.path");
    }

    private static void CheckFp8(Checks checks, TrainingSection training)
    {
        foreach (var pattern in training.Fp8.Bf16Layers)
            checks.That(!string.IsNullOrWhiteSpace(pattern), "training.fp8.bf16_layers", "a list with an empty pattern", "a list of unit names or patterns");
        checks.That(training.Precision == TrainingPrecision.Fp8 || training.Fp8 == new Fp8Section(), "training.precision", training.Precision.ToString().ToLowerInvariant(), "fp8 where keys of training.fp8 are set");
    }

    private static void CheckAdapter(Checks checks, RunConfiguration configuration)
    {
        var adapter = configuration.Training.Adapter;
        checks.That(adapter.Rank is >= 0 and <= 1 << 16, "training.adapter.rank", adapter.Rank, "0 for no adapters, or 1 to 65536");
        checks.That(adapter.Alpha is null or > 0, "training.adapter.alpha", adapter.Alpha, "more than 0, or empty for twice the rank");
        checks.That(adapter.Targets.Count > 0 && adapter.Targets.All(target => !string.IsNullOrWhiteSpace(target)), "training.adapter.targets", adapter.Targets, "a list of matrices such as [q_proj, v_proj], or [all-linear]");
        checks.That(adapter.Dropout == 0, "training.adapter.dropout", adapter.Dropout, "0: adapters have no dropout here");
        checks.Exists("training.adapter.path", adapter.Path, folderOnly: true);
        checks.That(adapter.IsWanted || adapter == new AdapterSection(), "training.adapter.rank", adapter.Rank, "1 or more where other keys of training.adapter are set");
        checks.That(!adapter.IsWanted || configuration.Model.Init == ModelInit.Pretrained, "model.init", "random", "pretrained where training.adapter is set: adapters are trained on a model that stays as it is");
    }

    private static void CheckOptimizer(Checks checks, OptimizerSection optimizer)
    {
        checks.OneOf("optimizer.name", optimizer.Name, UpdateRules.Names);
        checks.Positive("optimizer.learning_rate", optimizer.LearningRate);
        checks.That(optimizer.Betas is null or [>= 0 and < 1, >= 0 and < 1], "optimizer.betas", optimizer.Betas, "two numbers, each at least 0 and less than 1");
        checks.Positive("optimizer.eps", optimizer.Eps);
        checks.AtLeast("optimizer.weight_decay", optimizer.WeightDecay, 0);
        checks.Decay("optimizer.momentum", optimizer.Momentum);
        for (var i = 0; i < optimizer.Groups.Count; i++)
        {
            var group = optimizer.Groups[i];
            var key = $"optimizer.groups[{i}]";
            checks.Required($"{key}.pattern", group.Pattern, "a parameter name or pattern");
            checks.AtLeast($"{key}.learning_rate_factor", group.LearningRateFactor, 0);
            checks.AtLeast($"{key}.weight_decay", group.WeightDecay ?? 0, 0);
        }
    }

    private static void CheckSchedule(Checks checks, RunConfiguration configuration)
    {
        var schedule = configuration.Schedule;
        var highest = configuration.Optimizer.LearningRate;
        checks.OneOf("schedule.name", schedule.Name, LearningRateSchedule.Names);
        checks.AtLeast("schedule.warmup_steps", schedule.WarmupSteps, 0);
        checks.That(schedule.WarmupRatio is >= 0 and <= 1, "schedule.warmup_ratio", schedule.WarmupRatio, "from 0 to 1");
        checks.That(schedule.WarmupRatio == 0 || schedule.WarmupSteps == 0, "schedule.warmup_ratio", schedule.WarmupRatio, "0 where schedule.warmup_steps says how long the warm-up is");
        checks.AtLeast("schedule.cycles", schedule.Cycles, 1);
        checks.Positive("schedule.power", schedule.Power);
        checks.AtLeast("schedule.min_learning_rate", schedule.MinLearningRate, 0);
        checks.That(!(schedule.MinLearningRate > highest), "schedule.min_learning_rate", schedule.MinLearningRate,
            FormattableString.Invariant($"no more than optimizer.learning_rate, which is {highest}"));
        checks.That(schedule.DecayFraction is > 0 and <= 1, "schedule.decay_fraction", schedule.DecayFraction, "more than 0 and at most 1");
    }

    private static void CheckRest(Checks checks, RunConfiguration configuration)
    {
        var evaluation = configuration.Evaluation;
        checks.AtLeast("evaluation.every_steps", evaluation.EverySteps, 0);
        checks.That(evaluation.Fraction is >= 0 and < 1, "evaluation.fraction", evaluation.Fraction, "at least 0 and less than 1");
        checks.That(evaluation.Fraction is 0 || evaluation.Path is null, "evaluation.fraction", evaluation.Fraction, "0 where evaluation.path names the data to evaluate on");
        checks.That(evaluation.EverySteps <= 0 || evaluation.Path is not null || evaluation.Fraction > 0, "evaluation.every_steps", evaluation.EverySteps,
            "0 as long as neither evaluation.path nor evaluation.fraction gives data to evaluate on");
        checks.AtLeast("evaluation.patience", evaluation.Patience ?? 1, 1);
        checks.That(evaluation.Patience is null || evaluation.EverySteps > 0, "evaluation.patience", evaluation.Patience, "empty as long as evaluation.every_steps is 0");
        checks.AtLeast("evaluation.min_delta", evaluation.MinDelta, 0);
        var checkpoint = configuration.Checkpoint;
        checks.That(
            !checkpoint.KeepBest || (checkpoint.EverySteps > 0 && evaluation.EverySteps > 0 && evaluation.EverySteps % checkpoint.EverySteps == 0),
            "checkpoint.keep_best", "true", "false unless evaluation.every_steps is a multiple of checkpoint.every_steps: every evaluation needs its checkpoint");
        checks.AtLeast("logging.every_steps", configuration.Logging.EverySteps, 0);
        checks.AtLeast("checkpoint.every_steps", configuration.Checkpoint.EverySteps, 0);
        checks.AtLeast("checkpoint.keep", configuration.Checkpoint.Keep, 1);
        checks.AtLeast("pipeline.device_buffers", configuration.Pipeline.DeviceBuffers, 1);
        checks.AtLeast("pipeline.gradient_slabs", configuration.Pipeline.GradientSlabs, 1);
        checks.OneOf("pipeline.activations", configuration.Pipeline.Activations, ["auto", "recompute", "keep", "keep_narrow", "offload"]);
        checks.OneOf("pipeline.weights_first", configuration.Pipeline.WeightsFirst, ["auto", "always", "never"]);
        checks.AtLeast("pipeline.checkpoint_buffers", configuration.Pipeline.CheckpointBuffers, 0);
        checks.OneOf("pipeline.collectives", configuration.Pipeline.Collectives, ["auto", "mpi"]);
        checks.That(Device().IsMatch(configuration.Device), "device", $"'{configuration.Device}'", "auto, cpu, cuda (of several ranks each takes its own), or cuda:N with the number of a GPU, such as cuda:0");
    }

    [GeneratedRegex(@"\A(auto|cpu|cuda(:[0-9]{1,3})?)\z", RegexOptions.CultureInvariant)]
    private static partial Regex Device();
}

using System.Globalization;
using System.IO.Enumeration;
using Horizon.Flow.Activations;
using Horizon.Flow.Alignment.Distillation;
using Horizon.Flow.Alignment.Policies;
using Horizon.Flow.Alignment.Rewards;
using Horizon.Flow.Blocks;
using Horizon.Flow.Checkpointing;
using Horizon.Flow.Distributed;
using Horizon.Flow.Checks;
using Horizon.Flow.Host.Checkpoints;
using Horizon.Flow.Host.Optimizers;
using Horizon.Flow.Host.Store;
using Horizon.Flow.Models;
using Horizon.Flow.Models.Experts;
using Horizon.Flow.Models.Fp8;
using Horizon.Flow.Resources;
using Horizon.Flow.Runs.Loading;
using Horizon.Flow.Runs.Objectives;
using Horizon.Flow.Runs.Sections;
using Horizon.Flow.Units;

namespace Horizon.Flow.Runs.Blueprint;

/// <summary>What a configuration comes to before anything is loaded or allocated: the model's units and how they are trained.</summary>
public sealed class RunBlueprint
{
    private RunBlueprint(RunConfiguration configuration, ModelConfig modelConfig, ModelDefinition model)
    {
        Configuration = configuration;
        ModelConfig = modelConfig;
        Model = model;
        Kind = ObjectiveKinds.Of(configuration.Training.Objective);
        Objective = Kind.Create(configuration.Training.Objective, configuration.Rollouts);
        if (Kind.IsDistillation && configuration.Training.Objective is { Logits: null, Teacher: { } teacher }) Teacher = ModelFamilies.Define(ModelFolder.ReadConfig(teacher));
    }

    /// <summary>The configuration.</summary>
    public RunConfiguration Configuration { get; }

    /// <summary>The model folder's config.json.</summary>
    public ModelConfig ModelConfig { get; }

    /// <summary>The model as units and templates.</summary>
    public ModelDefinition Model { get; }

    /// <summary>The ranks that share the run; null where it has one.</summary>
    public ICollectives? Ranks { get; private init; }

    /// <summary>How many of them lie on one machine, and share its cores and memory.</summary>
    public int RanksHere { get; private init; } = 1;

    /// <summary>What is learned; null for the next token.</summary>
    public IObjective? Objective { get; }

    /// <summary>The first token that the run adds to the vocabulary, and one past the last; null where it adds none.</summary>
    public (int First, int End)? NewTokens { get; private init; }

    /// <summary>The teacher that streams beside the model; null for none.</summary>
    public ModelDefinition? Teacher { get; }

    /// <summary>The key that names what training is relative to, where it is.</summary>
    internal string RelativeTo => !Kind.IsDistillation ? "model.path" : Teacher is null ? "training.objective.logits" : "training.objective.teacher";

    /// <summary>What the objective learns from and needs.</summary>
    internal ObjectiveKind Kind { get; }

    /// <summary>Whether a second store stands beside the one that is trained, as the reference.</summary>
    internal bool HoldsReference => (Objective as GrpoObjective)?.Beta > 0 || (Kind.NeedsReference && Configuration.Training.Objective.Reference == ReferenceSource.Held);

    /// <summary>Whether what the untouched weights say of the data is computed before training, and kept.</summary>
    internal bool KeepsReference => Kind.NeedsReference && !HoldsReference;

    /// <summary>Where a run's checkpoints lie.</summary>
    internal static TrainingCheckpoints CheckpointsOf(RunConfiguration configuration) =>
        new(Path.Combine(configuration.Output.Directory!, "checkpoints"), configuration.Checkpoint.Keep);

    /// <summary>How parameters are kept: fp32, or bf16 with exact masters, which products in fp8 have too.</summary>
    public StorePrecision Precision => Configuration.Training.Precision == TrainingPrecision.Fp32 ? StorePrecision.Fp32 : StorePrecision.Bf16;

    /// <summary>Tokens of a row at most.</summary>
    public int SequenceLength => Math.Min(Configuration.Data.SequenceLength ?? DataSection.LongestByDefault, Model.MaximumSequenceLength);

    /// <summary>Model, size and precision in a few words.</summary>
    public string Description => string.Create(
        CultureInfo.InvariantCulture,
        $"{Model.Architecture}, {Model.ParameterCount:N0} parameters{(ModelConfig.Adapter is null ? "" : $" ({Model.Units.Sum(unit => unit.Trained.ElementCount):N0} in adapters of rank {ModelConfig.Adapter.Rank})")}{(ModelConfig.ExpertParts == 1 ? "" : $", experts of a layer in {ModelConfig.ExpertParts} parts")}, {Configuration.Training.Precision.ToString().ToLowerInvariant()}");

    /// <summary>What was chosen other than configured, or has no effect; a sentence each.</summary>
    public IReadOnlyList<string> Notices => [.. DescribeBuffers()];

    /// <summary>Reads the model's config.json, and nothing else.</summary>
    /// <exception cref="HorizonException">The model is not known or does not go with the configuration.</exception>
    public static RunBlueprint Of(RunConfiguration configuration)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        if (configuration.Model.Path is not { } path) throw new HorizonException("model.path is missing; set it to a Hugging Face model folder.");
        if (configuration.Training.ChoosesBatchSize) configuration = configuration with { Training = configuration.Training with { BatchSize = TrainingSection.DefaultBatchSize } };
        if (ObjectiveKinds.Of(configuration.Training.Objective).IsOnPolicy)
        {
            // A step's answers, in micro-batches of as many as a batch has.
            var answers = configuration.Rollouts.Prompts * configuration.Rollouts.Group;
            configuration = configuration with { Training = configuration.Training with { GradientAccumulation = (answers + configuration.Training.BatchSize - 1) / configuration.Training.BatchSize } };
        }

        var training = configuration.Training;
        var isReward = ObjectiveKinds.Of(training.Objective).IsReward;
        var modelConfig = (isReward ? RewardFolder.ReadConfig(path) : ModelFolder.ReadConfig(path)) with { Adapter = training.Adapter.Resolve() };
        (int First, int End)? newTokens = null;
        if (configuration.Model.AdditionalSpecialTokens.Count > 0)
        {
            var tokenizer = RunTokenizer.Load(configuration);
            if (tokenizer.VocabularySize > tokenizer.VocabularySizeOfFolder)
                newTokens = (Math.Min(modelConfig.VocabularySize, tokenizer.VocabularySizeOfFolder), tokenizer.VocabularySize);
            modelConfig = ModelVocabulary.Grow(modelConfig, tokenizer.VocabularySize);
        }

        modelConfig = modelConfig with { ExpertParts = training.ChoosesExpertParts ? ExpertParts.ChooseFor(modelConfig) : training.ExpertParts };
        configuration = configuration with { Training = training with { ExpertParts = modelConfig.ExpertParts } };
        if (modelConfig.Adapter is not null && (isReward || newTokens is not null))
            throw new HorizonException($"training.adapter trains adapters alone, and {(isReward ? "a reward model has a score to learn" : "model.additional_special_tokens adds rows to learn")}; leave one of them out");
        var model = ModelFamilies.Define(modelConfig);
        if (isReward) model = RewardModel.Of(model);
        if (training.Precision == TrainingPrecision.Fp8) model = InFp8(model, training.Fp8);
        if (training.LabelSmoothing > 0) model = model.WithLabelSmoothing(training.LabelSmoothing);
        if (training.NeftuneAlpha > 0) model = model.WithEmbeddingNoise(training.NeftuneAlpha);
        var blueprint = new RunBlueprint(configuration, modelConfig, training.CheckOutputs ? model.WithCheckedOutputs() : model) { NewTokens = newTokens };
        if (training.LabelSmoothing > 0 && blueprint.Objective is not null)
            throw new HorizonException($"training.label_smoothing is of the next token's cross-entropy, and training.objective is {training.Objective.Name}; leave one of them out");
        foreach (var pattern in configuration.Training.Freeze)
        {
            if (!blueprint.Model.Units.Any(unit => Matches(pattern, unit)))
                throw new HorizonException($"training.freeze: '{pattern}' is no unit of the model; its units are {string.Join(", ", blueprint.Model.Units.Select(unit => unit.Name))}.");
        }

        blueprint.CheckGroups();
        blueprint.CheckWeightsFirst();
        return blueprint;
    }

    /// <summary>The same run on several ranks: each does its share of a step's micro-batches, so that the run is the same for any number of them.</summary>
    /// <param name="ranks">This rank's side.</param>
    /// <param name="here">How many ranks lie on this machine.</param>
    /// <exception cref="HorizonException">A step's micro-batches cannot be shared among so many.</exception>
    public RunBlueprint On(ICollectives ranks, int here)
    {
        ArgumentNullException.ThrowIfNull(ranks);
        ArgumentOutOfRangeException.ThrowIfLessThan(here, 1);
        var (microBatches, count) = (Configuration.Training.GradientAccumulation, ranks.Count);
        if (microBatches % count != 0)
        {
            if (Kind.IsOnPolicy)
                throw new HorizonException($"rollouts.prompts {Configuration.Rollouts.Prompts} times rollouts.group {Configuration.Rollouts.Group} are {microBatches} micro-batches of training.batch_size {Configuration.Training.BatchSize}, which {count} ranks cannot share: the ranks divide a step's micro-batches among themselves, so that the run is the same for any number of them; change one of the three, so that the number is a multiple of {count}, or start another number of ranks");
            var above = ((microBatches / count) + 1) * count;
            throw new HorizonException($"training.gradient_accumulation is {microBatches}, which {count} ranks cannot share: the ranks divide a step's micro-batches among themselves, so that the run is the same for any number of them; set it to {(microBatches > count ? $"{above - count} or {above}" : $"{above}")}, or start another number of ranks");
        }

        return new(Configuration, ModelConfig, Model) { Ranks = ranks, RanksHere = here, NewTokens = NewTokens };
    }

    /// <summary>The graph that trains the model.</summary>
    /// <param name="totalSteps">For the learning rate's schedule; null where no step will be done.</param>
    /// <param name="activations">What becomes of the layers' activations; null for what is configured, where <c>auto</c> recomputes.</param>
    /// <param name="weightsFirst">The share of the parameters whose weights are updated before their optimizer's state; null for what is configured, where <c>auto</c> updates both in one.</param>
    /// <exception cref="HorizonException">The settings do not go together, or the graph cannot run.</exception>
    public TrainingPlan Plan(long? totalSteps = null, ActivationChoice? activations = null, double? weightsFirst = null)
    {
        var plan = MakePlan(totalSteps, activations, weightsFirst);
        var problems = plan.Validate();
        return problems.Count == 0 ? plan : throw new HorizonException($"the graph cannot run: {string.Join("; ", problems)}");
    }

    private TrainingPlan MakePlan(long? totalSteps, ActivationChoice? activations, double? weightsFirst = null)
    {
        var training = Configuration.Training;
        var plan = TrainingPlan.For(Model, new TrainingOptions
        {
            Optimizer = MakeOptimizer(),
            LearningRate = totalSteps is { } steps ? MakeSchedule(steps).At : _ => Configuration.Optimizer.LearningRate,
            MaxGradientNorm = training.MaxGradNorm is > 0 ? training.MaxGradNorm : null,
            RecomputeInterval = training.RecomputeInterval,
            GradientAccumulation = training.GradientAccumulation / (Ranks?.Count ?? 1),
            HostThreads = Math.Max(1, Environment.ProcessorCount / RanksHere),
            Activations = (activations ?? ConfiguredActivations ?? ActivationChoice.All(Model, ActivationPolicy.Recompute)).Of,
            IsTrainable = unit => unit.Trained.ElementCount > 0 && !training.Freeze.Any(pattern => Matches(pattern, unit)),
            Pipeline = new PipelineOptions { DeviceBuffers = DeviceBuffers, GradientSlabs = Configuration.Pipeline.GradientSlabs, WeightsFirst = weightsFirst ?? ConfiguredWeightsFirst ?? 0 },
        }).WithExpertLoads();
        if (Teacher is not null) plan = plan.WithTeacher(Teacher, (DistillationObjective)Objective!);
        else if (Objective is not null) plan = plan.WithObjective(Objective);
        return Ranks is null ? plan : plan.Distribute(Ranks);
    }

    /// <summary>What is configured for the layers' activations; null for <c>auto</c>.</summary>
    public ActivationChoice? ConfiguredActivations => Configuration.Pipeline.Activations switch
    {
        "recompute" => ActivationChoice.All(Model, ActivationPolicy.Recompute),
        "keep" => ActivationChoice.All(Model, ActivationPolicy.Keep),
        "keep_narrow" => ActivationChoice.All(Model, ActivationPolicy.KeepNarrow),
        "offload" => ActivationChoice.All(Model, ActivationPolicy.Offload),
        _ => null,
    };

    /// <summary>The share of the parameters that is configured for <c>pipeline.weights_first</c>; null for <c>auto</c>.</summary>
    public double? ConfiguredWeightsFirst => Configuration.Pipeline.WeightsFirst switch { "always" => 1, "never" => 0, _ => null };

    /// <summary>What the run will use where.</summary>
    /// <param name="batchSize">Rows of a micro-batch; null for those configured.</param>
    /// <param name="activations">What becomes of the layers' activations; null for what is configured, where <c>auto</c> recomputes.</param>
    /// <param name="gpu">Whether it computes on a GPU.</param>
    /// <param name="mostTokens">Tokens of the largest micro-batch of the data; null where they were not read.</param>
    /// <param name="operators">What the device computes by kernels of its own, which may need less; null where that is not known.</param>
    /// <param name="wholeRows">Whether every row of the data is known to be one document that fills it.</param>
    public MemoryBudget Budget(int? batchSize = null, ActivationChoice? activations = null, bool gpu = false, long? mostTokens = null, IUnitOperators? operators = null, bool wholeRows = false)
    {
        var plan = MakePlan(null, activations); // not validated: what a plan takes is asked for many choices, of which one is run
        var budget = MemoryBudget.Of(plan, Precision, batchSize ?? Configuration.Training.BatchSize, SequenceLength, gpu, Configuration.Data.Packing, Configuration.Training.Deterministic, mostTokens, operators, wholeRows);
        if (gpu && Ranks is { Count: > 1 }) budget = budget.With(new(MemoryPlace.Device, "collectives", 1L << 30, "of NCCL: some 10 MiB a channel and neighbour; an estimate"));
        if (Teacher is not null) budget = budget.With(Beside("teacher", Teacher));

        if (HoldsReference) budget = budget.With(Beside("reference", Model));
        if (Kind.IsOnPolicy && Configuration.Rollouts.Rewards.Model is { } scorer) budget = budget.With(Beside("reward model", ModelFamilies.Define(RewardFolder.ReadConfig(scorer))));
        return Configuration.Checkpoint.EverySteps > 0
            ? budget.With(CheckpointWriter.DescribeMemory(plan, Precision, Configuration.Pipeline.CheckpointBuffers))
            : budget;
    }

    // Weights that are only read and, in bf16, the differences that a store keeps with them.
    private MemoryItem Beside(string what, ModelDefinition model) => new(
        MemoryPlace.Host, what, 4 * model.ParameterCount / (Ranks?.Count ?? 1), FormattableString.Invariant($"4 bytes x {model.ParameterCount:N0} parameters, only read{(Ranks is null ? "" : $", over {Ranks.Count} ranks")}"));

    // A recomputed segment holds all of its units at once; a layer holds its own weights while the parts of its experts take turns.
    private int DeviceBuffers => Math.Max(
        Math.Max(Configuration.Pipeline.DeviceBuffers, ModelConfig.ExpertParts > 1 ? 3 : 1), Math.Min(Configuration.Training.RecomputeInterval, ModelConfig.LayerCount));

    private static ModelDefinition InFp8(ModelDefinition model, Fp8Section section)
    {
        var layers = model.Hidden.Where(binding => !binding.Template.IsEmbedding).Select(binding => model.Units[binding.Unit]).ToList();
        foreach (var pattern in section.Bf16Layers)
        {
            if (!layers.Any(unit => Matches(pattern, unit)))
                throw new HorizonException($"training.fp8.bf16_layers: '{pattern}' is no layer of the model; its layers are {layers[0].Name} to {layers[^1].Name}.");
        }

        try
        {
            return model.WithFp8(section.Options, name => section.Bf16Layers.Any(pattern => FileSystemName.MatchesSimpleExpression(pattern, name, ignoreCase: false)));
        }
        catch (HorizonException error)
        {
            throw new HorizonException($"training.precision is fp8: {error.Message}", error);
        }
    }

    private static bool Matches(string pattern, UnitLayout unit) => FileSystemName.MatchesSimpleExpression(pattern, unit.Name, ignoreCase: false);

    private IHostOptimizer MakeOptimizer()
    {
        var optimizer = Configuration.Optimizer;
        return UpdateRules.Create(optimizer.Name, new OptimizerOptions
        {
            Betas = optimizer.Betas is { } betas ? (betas[0], betas[1]) : null,
            Epsilon = optimizer.Eps,
            WeightDecay = optimizer.WeightDecay,
            Momentum = optimizer.Momentum,
            Groups = [.. Groups],
        });
    }

    private IEnumerable<ParameterGroup> Groups =>
        Configuration.Optimizer.Groups.Select(group => new ParameterGroup(group.Pattern!, group.LearningRateFactor, group.WeightDecay));

    private LearningRateSchedule MakeSchedule(long totalSteps)
    {
        var schedule = Configuration.Schedule;
        // A run that ends within its warm-up has the warm-up's rates all the same.
        var warmup = schedule.WarmupOf(totalSteps);
        var steps = Math.Max(totalSteps, warmup);
        var decaySteps = Math.Min((long)Math.Ceiling(schedule.DecayFraction * steps), steps - warmup);
        return new LearningRateSchedule(
            schedule.Name, Configuration.Optimizer.LearningRate, steps, warmup, schedule.MinLearningRate, schedule.Name == "wsd" ? decaySteps : null, schedule.Cycles, schedule.Power);
    }

    private IEnumerable<string> DescribeBuffers()
    {
        if (DeviceBuffers > Configuration.Pipeline.DeviceBuffers)
            yield return $"pipeline.device_buffers is raised from {Configuration.Pipeline.DeviceBuffers} to {DeviceBuffers}: {(Configuration.Training.RecomputeInterval >= DeviceBuffers ? "training.recompute_interval holds so many units at once" : "a layer holds its own weights while the parts of its experts take turns")}";
    }

    private void CheckWeightsFirst()
    {
        if (ConfiguredWeightsFirst is not 1) return;
        if (!MakeOptimizer().UpdatesInParts)
            throw new HorizonException($"pipeline.weights_first is always, but optimizer.name: {Configuration.Optimizer.Name} finds weights and state in one; take auto or never, or adamw or lion.");
        if (Configuration.Training.MaxGradNorm is not > 0)
            throw new HorizonException("pipeline.weights_first is always, but training.max_grad_norm clips nothing, and each unit is updated while backward goes on; take auto or never.");
    }

    // A pattern that matches nothing trains otherwise than its writer meant. The default ones may: not every model has biases.
    private void CheckGroups()
    {
        var names = Model.Units.SelectMany(unit => unit.Parameters).Select(slot => slot.TensorName).ToList();
        var bad = Groups.FirstOrDefault(group => !names.Any(group.Matches)
            && !OptimizerSection.NoDecay.Any(known => known.Pattern == group.Pattern && known.WeightDecay == group.WeightDecay && group.LearningRateFactor == 1));
        if (bad is not null)
            throw new HorizonException($"optimizer.groups: '{bad.Pattern}' is the name of no parameter of the model; near are {string.Join(", ", NearestPattern.Find(bad.Pattern, names))}.");
    }
}

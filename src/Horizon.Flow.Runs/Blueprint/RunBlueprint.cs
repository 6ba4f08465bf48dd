using System.Globalization;
using System.IO.Enumeration;
using Horizon.Flow.Activations;
using Horizon.Flow.Blocks;
using Horizon.Flow.Checkpointing;
using Horizon.Flow.Checks;
using Horizon.Flow.Host.Optimizers;
using Horizon.Flow.Host.Store;
using Horizon.Flow.Models;
using Horizon.Flow.Resources;
using Horizon.Flow.Runs.Loading;
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
    }

    /// <summary>The configuration.</summary>
    public RunConfiguration Configuration { get; }

    /// <summary>The model folder's config.json.</summary>
    public ModelConfig ModelConfig { get; }

    /// <summary>The model as units and templates.</summary>
    public ModelDefinition Model { get; }

    /// <summary>fp32, or bf16 with exact masters.</summary>
    public StorePrecision Precision => Configuration.Training.Precision;

    /// <summary>Tokens of a row at most.</summary>
    public int SequenceLength => Math.Min(Configuration.Data.SequenceLength ?? DataSection.LongestByDefault, Model.MaximumSequenceLength);

    /// <summary>Model, size and precision in a few words.</summary>
    public string Description => string.Create(
        CultureInfo.InvariantCulture,
        $"{Model.Architecture}, {Model.ParameterCount:N0} parameters, {(Precision == StorePrecision.Fp32 ? "fp32" : "bf16")}");

    /// <summary>What was chosen other than configured, or has no effect; a sentence each.</summary>
    public IReadOnlyList<string> Notices => [.. DescribeBuffers()];

    /// <summary>Reads the model's config.json, and nothing else.</summary>
    /// <exception cref="HorizonException">The model is not known or does not go with the configuration.</exception>
    public static RunBlueprint Of(RunConfiguration configuration)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        if (configuration.Model.Path is not { } path) throw new HorizonException("model.path is missing; set it to a Hugging Face model folder.");
        if (configuration.Training.ChoosesBatchSize) configuration = configuration with { Training = configuration.Training with { BatchSize = TrainingSection.DefaultBatchSize } };
        var modelConfig = ModelFolder.ReadConfig(path);
        var model = ModelFamilies.Define(modelConfig);
        var blueprint = new RunBlueprint(configuration, modelConfig, configuration.Training.CheckOutputs ? model.WithCheckedOutputs() : model);
        foreach (var pattern in configuration.Training.Freeze)
        {
            if (!blueprint.Model.Units.Any(unit => Matches(pattern, unit)))
                throw new HorizonException($"training.freeze: '{pattern}' is no unit of the model; its units are {string.Join(", ", blueprint.Model.Units.Select(unit => unit.Name))}.");
        }

        blueprint.CheckGroups();
        return blueprint;
    }

    /// <summary>The graph that trains the model.</summary>
    /// <param name="totalSteps">For the learning rate's schedule; null where no step will be done.</param>
    /// <param name="activations">What becomes of the layers' activations; null for what is configured, where <c>auto</c> recomputes.</param>
    /// <exception cref="HorizonException">The settings do not go together, or the graph cannot run.</exception>
    public TrainingPlan Plan(long? totalSteps = null, ActivationChoice? activations = null)
    {
        var plan = MakePlan(totalSteps, activations);
        var problems = plan.Validate();
        return problems.Count == 0 ? plan : throw new HorizonException($"the graph cannot run: {string.Join("; ", problems)}");
    }

    private TrainingPlan MakePlan(long? totalSteps, ActivationChoice? activations)
    {
        var training = Configuration.Training;
        return TrainingPlan.For(Model, new TrainingOptions
        {
            Optimizer = MakeOptimizer(),
            LearningRate = totalSteps is { } steps ? MakeSchedule(steps).At : _ => Configuration.Optimizer.LearningRate,
            MaxGradientNorm = training.MaxGradNorm is > 0 ? training.MaxGradNorm : null,
            RecomputeInterval = training.RecomputeInterval,
            GradientAccumulation = training.GradientAccumulation,
            Activations = (activations ?? ConfiguredActivations ?? ActivationChoice.All(Model, ActivationPolicy.Recompute)).Of,
            IsTrainable = unit => !training.Freeze.Any(pattern => Matches(pattern, unit)),
            Pipeline = new PipelineOptions { DeviceBuffers = DeviceBuffers, GradientSlabs = Configuration.Pipeline.GradientSlabs },
        });
    }

    /// <summary>What is configured for the layers' activations; null for <c>auto</c>.</summary>
    public ActivationChoice? ConfiguredActivations => Configuration.Pipeline.Activations switch
    {
        "recompute" => ActivationChoice.All(Model, ActivationPolicy.Recompute),
        "keep" => ActivationChoice.All(Model, ActivationPolicy.Keep),
        "offload" => ActivationChoice.All(Model, ActivationPolicy.Offload),
        _ => null,
    };

    /// <summary>What the run will use where.</summary>
    /// <param name="batchSize">Rows of a micro-batch; null for those configured.</param>
    /// <param name="activations">What becomes of the layers' activations; null for what is configured, where <c>auto</c> recomputes.</param>
    /// <param name="gpu">Whether it computes on a GPU.</param>
    /// <param name="mostTokens">Tokens of the largest micro-batch of the data; null where they were not read.</param>
    public MemoryBudget Budget(int? batchSize = null, ActivationChoice? activations = null, bool gpu = false, long? mostTokens = null)
    {
        var plan = MakePlan(null, activations); // not validated: what a plan takes is asked for many choices, of which one is run
        var budget = MemoryBudget.Of(plan, Precision, batchSize ?? Configuration.Training.BatchSize, SequenceLength, gpu, Configuration.Data.Packing, Configuration.Training.Deterministic, mostTokens);
        return Configuration.Checkpoint.EverySteps > 0
            ? budget.With(CheckpointWriter.DescribeMemory(plan, Precision, Configuration.Pipeline.CheckpointBuffers))
            : budget;
    }

    // A recomputed segment holds all of its units at once.
    private int DeviceBuffers => Math.Max(
        Configuration.Pipeline.DeviceBuffers, Math.Min(Configuration.Training.RecomputeInterval, ModelConfig.LayerCount));

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
        var steps = Math.Max(totalSteps, schedule.WarmupSteps);
        var decaySteps = Math.Min((long)Math.Ceiling(schedule.DecayFraction * steps), steps - schedule.WarmupSteps);
        return new LearningRateSchedule(
            schedule.Name, Configuration.Optimizer.LearningRate, steps, schedule.WarmupSteps, schedule.MinLearningRate, schedule.Name == "wsd" ? decaySteps : null);
    }

    private IEnumerable<string> DescribeBuffers()
    {
        if (DeviceBuffers > Configuration.Pipeline.DeviceBuffers)
            yield return $"pipeline.device_buffers is raised from {Configuration.Pipeline.DeviceBuffers} to {DeviceBuffers}: training.recompute_interval holds so many units at once";
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

using Horizon.Flow.Runs.Loading;

namespace Horizon.Flow.Runs.Sections;

/// <summary>
/// A whole run as its YAML file describes it: one property per section, every key with the default that the file may leave out.
/// It is a value: two configurations with the same settings are equal. Keys are the property names in snake_case.
/// </summary>
/// <seealso cref="ConfigurationLoader"/>
public sealed record RunConfiguration
{
    /// <summary>Which model is trained.</summary>
    public ModelSection Model { get; init; } = new();

    /// <summary>What it is trained on.</summary>
    public DataSection Data { get; init; } = new();

    /// <summary>How much is trained at once, and for how long.</summary>
    public TrainingSection Training { get; init; } = new();

    /// <summary>The answers that an objective of prompts learns from.</summary>
    public RolloutsSection Rollouts { get; init; } = new();

    /// <summary>The rule that turns gradients into new parameters.</summary>
    public OptimizerSection Optimizer { get; init; } = new();

    /// <summary>The learning rate over the steps.</summary>
    public ScheduleSection Schedule { get; init; } = new();

    /// <summary>Held-out text and how often it is looked at.</summary>
    public EvaluationSection Evaluation { get; init; } = new();

    /// <summary>How often the state of the run is saved.</summary>
    public CheckpointSection Checkpoint { get; init; } = new();

    /// <summary>How often a step is printed.</summary>
    public LoggingSection Logging { get; init; } = new();

    /// <summary>Where results go.</summary>
    public OutputSection Output { get; init; } = new();

    /// <summary>Where the arithmetic runs: <c>auto</c> (the first GPU, else the CPU), <c>cpu</c>, or <c>cuda:N</c>.</summary>
    /// <value>Default <c>auto</c>.</value>
    public string Device { get; init; } = "auto";

    /// <summary>How many buffers stand between the blocks of the graph.</summary>
    public PipelineSection Pipeline { get; init; } = new();
}

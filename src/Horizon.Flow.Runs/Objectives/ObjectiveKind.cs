using Horizon.Flow.Runs.Sections;

namespace Horizon.Flow.Runs.Objectives;

/// <summary>An objective that a configuration can name.</summary>
/// <param name="Data">What it learns from.</param>
/// <param name="Options">The keys of <c>training.objective</c> that it knows.</param>
/// <param name="Create">Makes it.</param>
internal sealed record ObjectiveKind(ObjectiveData Data, IReadOnlyList<string> Options, Func<ObjectiveSection, RolloutsSection, IObjective?> Create)
{
    /// <summary>Whether it needs what the untouched model says of the data.</summary>
    public bool NeedsReference { get; init; }

    /// <summary>Whether the model becomes, or is, a reward model.</summary>
    public bool IsReward { get; init; }

    /// <summary>Whether it learns from a teacher.</summary>
    public bool IsDistillation { get; init; }

    /// <summary>Whether it learns from answers of its own.</summary>
    public bool IsOnPolicy => Data == ObjectiveData.Prompts;

    /// <summary>Whether advantages are divided by the deviation of their group's rewards.</summary>
    public bool ScalesAdvantages { get; init; } = true;
}

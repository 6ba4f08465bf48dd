namespace Horizon.Flow.Runs.Sections;

/// <summary>The <c>evaluation</c> section: the loss on text that is never trained on.</summary>
public sealed record EvaluationSection
{
    /// <summary>Held-out text, read as <c>data.format</c> says.</summary>
    /// <value>Default none.</value>
    [PathKey]
    public string? Path { get; init; }

    /// <summary>The share of the training data that is held out to evaluate on, where <c>path</c> names none.</summary>
    /// <value>Default 0.</value>
    public double Fraction { get; init; }

    /// <summary>Evaluate after every so many steps; 0 never does.</summary>
    /// <value>Default 0.</value>
    public long EverySteps { get; init; }

    /// <summary>Evaluations in a row without a lower loss after which the run ends; null ends it by its length alone.</summary>
    /// <value>Default null.</value>
    public int? Patience { get; init; }

    /// <summary>By how much the loss must fall below the lowest so far to count as lower for <see cref="Patience"/>.</summary>
    /// <value>Default 0 nats.</value>
    public double MinDelta { get; init; }

    /// <summary>A text to continue before the first and after the last step, to see what the model has learned.</summary>
    /// <value>Default none.</value>
    public string? Prompt { get; init; }
}

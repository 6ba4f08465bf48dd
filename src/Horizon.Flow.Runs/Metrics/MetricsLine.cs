using System.Text.Json;
using System.Text.Json.Serialization;

namespace Horizon.Flow.Runs.Metrics;

/// <summary>One line of <c>metrics.jsonl</c> for a step. JSON knows no infinity and no NaN: such numbers are null.</summary>
internal sealed record StepLine(
    long Step,
    double? Loss,
    double? GradNorm,
    double? LearningRate,
    long Tokens,
    double Seconds,
    double? TokensPerSecond,
    long DeviceBytesPeak,
    long HostBytes)
{
    /// <summary>Written only where it is true.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public bool Skipped { get; init; }

    /// <summary>Why; written only for a skipped step.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? SkipReason { get; init; }

    /// <summary>By how many deviations the loss lies above its running mean; written only for a spike.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public double? LossSpike { get; init; }

    /// <summary>What the objective measured, each under its name.</summary>
    [JsonExtensionData]
    public Dictionary<string, JsonElement>? Metrics { get; set; }
}

/// <summary>One line of <c>metrics.jsonl</c> for an evaluation after a step.</summary>
internal sealed record EvaluationLine(long Step, double? EvalLoss)
{
    /// <summary>What the objective measured, each under its name behind <c>eval_</c>.</summary>
    [JsonExtensionData]
    public Dictionary<string, JsonElement>? Metrics { get; set; }
}

/// <summary>One line of <c>metrics.jsonl</c> for something else that befell the run after a step.</summary>
internal sealed record NoticeLine(long Step, string Notice);

/// <summary>What tells lines apart when a file is read back.</summary>
internal sealed record AnyLine(long? Step)
{
    /// <summary>Undefined in a step's line.</summary>
    public JsonElement EvalLoss { get; init; }
}

/// <summary>Source-generated JSON of the lines, keys in snake_case.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(double?))]
[JsonSerializable(typeof(Dictionary<string, JsonElement>))]
[JsonSerializable(typeof(StepLine))]
[JsonSerializable(typeof(EvaluationLine))]
[JsonSerializable(typeof(NoticeLine))]
[JsonSerializable(typeof(AnyLine))]
internal sealed partial class MetricsJson : JsonSerializerContext;

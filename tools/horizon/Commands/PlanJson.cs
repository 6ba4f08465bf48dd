using System.Text.Json;
using System.Text.Json.Serialization;
using Horizon.Flow.Resources;
using Horizon.Flow.Runs.Blueprint;
using Horizon.Flow.Runs.Planning;

namespace Horizon.Flow.Cli;

/// <summary>A plan as one JSON object, keys in snake_case, sizes in bytes.</summary>
internal static class PlanJson
{
    public static string Write(PlanReport plan)
    {
        var fields = new PlanObject(
            plan.Model, plan.Fits, plan.Binds, plan.BestBatchSize, plan.RecommendedBatchSize, Step(plan.Cost), plan.ActivationsReason, Length(plan.Length), Memory(plan, MemoryPlace.Device), Memory(plan, MemoryPlace.Host), plan.Traffic);
        return JsonSerializer.Serialize(fields, PlanJsonContext.Default.PlanObject);
    }

    private static StepObject? Step(StepCost? cost) => cost is null ? null : new(
        cost.Time.Predicted, cost.Time.Floor, cost.Time.Binds, cost.Time.Compute, cost.Time.Attention, cost.Time.Between, cost.Time.Upload, cost.Time.Download, cost.Time.Update, cost.Time.Border, cost.Work.Tokens, cost.Work.Operations, cost.Rates.Source);

    private static LengthObject? Length(RunLength? length) =>
        length is null ? null : new(length.Steps, length.StepsPerEpoch, length.Epochs, (long)length.Tokens, length.DecidedBy);

    private static MemoryObject Memory(PlanReport plan, MemoryPlace place) => new(
        plan.Needed(place).Bytes,
        plan.Available(place)?.Bytes,
        plan.Fit(place),
        [.. plan.Items.Where(item => item.Place == place).Select(item => new ItemObject(item.Kind, item.Bytes, item.How))]);
}

/// <summary>The object itself.</summary>
internal sealed record PlanObject(
    string Model, bool Fits, string Binds, int? BestBatchSize, int? RecommendedBatchSize, StepObject? Step, string Activations, LengthObject? Length, MemoryObject Device, MemoryObject Host, StepTraffic? Traffic);

/// <summary>What a step takes, in seconds; null where nobody reckoned.</summary>
internal sealed record StepObject(
    double PredictedSeconds, double FloorSeconds, string Binds, double Compute, double Attention, double Between, double Upload, double Download, double Update, double Border, double Tokens, double Operations, string Rates);

/// <summary>How long the run is; null where the data were not at hand.</summary>
internal sealed record LengthObject(long Steps, long StepsPerEpoch, double Epochs, long Tokens, string DecidedBy);

/// <summary>One memory of it.</summary>
internal sealed record MemoryObject(long NeededBytes, long? AvailableBytes, bool Fits, IReadOnlyList<ItemObject> Items);

/// <summary>What lies in a memory.</summary>
internal sealed record ItemObject(string Kind, long Bytes, string How);

/// <summary>Source-generated JSON of a plan.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, WriteIndented = true)]
[JsonSerializable(typeof(PlanObject))]
internal sealed partial class PlanJsonContext : JsonSerializerContext;

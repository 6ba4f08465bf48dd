using System.Text.Json;
using System.Text.Json.Serialization;

namespace Horizon.Flow.Cli;

/// <summary>A plan as one JSON object, keys in snake_case, sizes in bytes.</summary>
internal static class PlanJson
{
    public static string Write(PlanReport plan) => JsonSerializer.Serialize(
        new PlanObject(plan.Model, plan.Fits, plan.Binds, plan.BestBatchSize, Memory(plan.Device), Memory(plan.Host)), PlanJsonContext.Default.PlanObject);

    private static MemoryObject Memory(MemoryBudget memory) =>
        new(memory.Needed.Bytes, memory.Available?.Bytes, memory.Fits, [.. memory.Parts.Select(part => new PartObject(part.Name, part.Size.Bytes))]);
}

/// <summary>The object itself.</summary>
internal sealed record PlanObject(string Model, bool Fits, string Binds, int? BestBatchSize, MemoryObject Device, MemoryObject Host);

/// <summary>One memory of it.</summary>
internal sealed record MemoryObject(long NeededBytes, long? AvailableBytes, bool Fits, IReadOnlyList<PartObject> Parts);

/// <summary>One part of a memory.</summary>
internal sealed record PartObject(string Name, long Bytes);

/// <summary>Source-generated JSON of a plan.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, WriteIndented = true)]
[JsonSerializable(typeof(PlanObject))]
internal sealed partial class PlanJsonContext : JsonSerializerContext;

namespace Horizon.Flow.Bench;

/// <summary>A run whose plan is compared with what it took.</summary>
/// <param name="Name">What the command line and the table call it.</param>
/// <param name="Model">Its <c>config.json</c>.</param>
/// <param name="Batch">Rows of a micro-batch.</param>
/// <param name="Row">Tokens of a row.</param>
/// <param name="Keys">Further keys of the recipe, as <c>--set</c> takes them.</param>
internal sealed record PlanSetting(string Name, string Model, int Batch, int Row, params IReadOnlyList<string> Keys)
{
    // Documents of a row; without it each has a row of its own.
    private const string Packed = "data.packing=true";

    public static IReadOnlyList<PlanSetting> All { get; } =
    [
        new("0.5b", PlanModels.Qwen25Small, 32, 1024),
        new("0.5b-fp32", PlanModels.Qwen25Small, 8, 1024, "training.precision=fp32"),
        new("0.5b-131072", PlanModels.Qwen25Small, 1, 131_072),
        new("0.5b-accumulated", PlanModels.Qwen25Small, 8, 2048, "training.gradient_accumulation=4"),
        new("1.5b", PlanModels.Qwen25Medium, 64, 1024),
        new("1.5b-keep", PlanModels.Qwen25Medium, 16, 1024, "pipeline.activations=keep"),
        new("1.5b-recompute", PlanModels.Qwen25Medium, 64, 1024, "pipeline.activations=recompute"),
        new("1.5b-no-clip", PlanModels.Qwen25Medium, 16, 1024, "training.max_grad_norm=0"),
        new("1.5b-8192", PlanModels.Qwen25Medium, 8, 8192),
        new("1.5b-65536", PlanModels.Qwen25Medium, 1, 65_536),
        new("1.5b-packed", PlanModels.Qwen25Medium, 8, 8192, Packed),
        new("1.5b-chats", PlanModels.Qwen25Medium, 64, 1024) { Documents = 330 },
        new("1.5b-fp8", PlanModels.Qwen25Medium, 64, 1024, "training.precision=fp8"),
        new("1.5b-fp8-tapes", PlanModels.Qwen25Medium, 128, 1024, "training.precision=fp8", "training.fp8={ fp8_tapes: true }"),
        new("1.5b-fast", PlanModels.Qwen25Medium, 8, 8192, "training.deterministic=false"),
        new("1.5b-24gib", PlanModels.Qwen25Medium, 16, 1024) { CardGibibytes = 24 },
        new("1.5b-16gib", PlanModels.Qwen25Medium, 8, 1024) { CardGibibytes = 16 },
        new("1.5b-adapters", PlanModels.Qwen25Medium, 32, 1024, "training.adapter={ rank: 16, alpha: 32 }"),
        new("3b-8bit", PlanModels.Qwen25Large, 32, 1024, "optimizer.name=adamw8bit"),
        new("3b-24gib", PlanModels.Qwen25Large, 8, 2048, "optimizer.name=lion") { CardGibibytes = 24 },
        new("qwen3-1.7b", PlanModels.Qwen3, 32, 1024),
        new("llama3.2-1b", PlanModels.Llama32, 32, 2048),
        new("gemma3-1b", PlanModels.Gemma3, 16, 1024),
        new("30b-a3b-6-layers", PlanModels.Experts, 32, 1024, "optimizer.name=adamw8bit"),
        new("small", PlanModels.Small, 8, 256, "training.precision=fp32") { OnProcessor = true },
        new("small-1-row", PlanModels.Small, 1, 256, "training.precision=fp32") { OnProcessor = true },
        new("small-keep", PlanModels.Small, 8, 256, "training.precision=fp32", "pipeline.activations=keep") { OnProcessor = true },
        new("small-bf16", PlanModels.Small, 4, 256) { OnProcessor = true },
        new("small-adapters", PlanModels.Small, 8, 256, "training.precision=fp32", "training.adapter={ rank: 16, alpha: 32 }") { OnProcessor = true },
        new("small-packed", PlanModels.Small, 8, 256, "training.precision=fp32", Packed) { OnProcessor = true },
    ];

    /// <summary>Tokens of a document on average, where rows are not one document; lengths lie between half and one and a half of it.</summary>
    public int? Documents { get; init; } = Keys.Contains(Packed) ? 330 : null;

    /// <summary>Whether documents share rows.</summary>
    public bool IsPacked => Keys.Contains(Packed);

    /// <summary>Whether the model stays as it is and needs weights.</summary>
    public bool HasAdapter { get; } = Keys.Any(key => key.StartsWith("training.adapter=", StringComparison.Ordinal));

    /// <summary>What a smaller card has; null for the device's own memory.</summary>
    public int? CardGibibytes { get; init; }

    public bool OnProcessor { get; init; }

    public static PlanSetting Named(string name) => All.First(one => one.Name == name);

    public bool IsFor(string device) => OnProcessor == (device == "cpu");
}

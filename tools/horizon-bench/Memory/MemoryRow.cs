namespace Horizon.Flow.Bench;

/// <summary>One run to measure.</summary>
/// <param name="Name">What the command line calls it.</param>
/// <param name="Shape">The model.</param>
/// <param name="Clip">Whether the gradient norm is clipped, which holds all gradients of a step.</param>
/// <param name="Checkpoint">Whether the weights are first exported by a process of their own, then loaded from there.</param>
/// <param name="Optimizer">The update rule.</param>
internal sealed record MemoryRow(string Name, Shape Shape, bool Clip = true, bool Checkpoint = false, string Optimizer = "adamw")
{
    public static IReadOnlyList<MemoryRow> All { get; } =
    [
        new("100m", Shape.SmolLm2Small),
        new("100m-no-clip", Shape.SmolLm2Small, Clip: false),
        new("400m", Shape.SmolLm2Medium),
        new("400m-no-clip", Shape.SmolLm2Medium, Clip: false),
        new("400m-8bit", Shape.SmolLm2Medium, Clip: false, Optimizer: "adamw8bit"),
        new("400m-loaded", Shape.SmolLm2Medium, Checkpoint: true),
        new("1.1b", Shape.TinyLlama, Clip: false),
        new("1.6b", Shape.SmolLm2Large, Clip: false),
        new("2-layers", Shape.SmolLm2Medium with { Name = "SmolLM2 360M, 2 layers", Layers = 2 }, Clip: false),
        new("20-layers", Shape.SmolLm2Medium with { Name = "SmolLM2 360M, 20 layers", Layers = 20 }, Clip: false),
    ];

    public static MemoryRow Named(string name) => All.First(row => row.Name == name);
}

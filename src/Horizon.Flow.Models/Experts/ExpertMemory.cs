using Horizon.Flow.Host.Memory;
using Horizon.Flow.Host.Store;
using Horizon.Flow.Models.Common;
using Horizon.Flow.Units;

namespace Horizon.Flow.Models.Experts;

/// <summary>What experts take of device memory: estimates, where they are in parts for loads half as large again as even ones.</summary>
internal static class ExpertMemory
{
    /// <summary>What backward needs of the experts' rows.</summary>
    /// <param name="config">Numbers and widths.</param>
    /// <param name="hidden">H.</param>
    /// <param name="batch">The micro-batch.</param>
    /// <param name="parts">Of how many parts one is asked for.</param>
    public static long KeptBytes(ExpertConfig config, long hidden, BatchShape batch, int parts = 1) =>
        // Inputs; gate and up, the curve of gate, their product; in fp32 what an expert gives.
        (Rows(config, batch, parts) * (hidden + (4L * config.Width)) * batch.Type.ByteSize()) + (Rows(config, batch, parts) * hidden * sizeof(float));

    /// <summary>What backward needs beside where all experts are in the layer: in fp32 the gradients of what the experts give and of its weights' products, and those of gate and up.</summary>
    /// <param name="config">Numbers and widths.</param>
    /// <param name="hidden">H.</param>
    /// <param name="batch">The micro-batch.</param>
    public static long BackwardBytes(ExpertConfig config, long hidden, BatchShape batch) =>
        Rows(config, batch, 1) * ((2L * config.Width * batch.Type.ByteSize()) + (2 * hidden * sizeof(float)));

    /// <summary>What forward needs beside, and where experts are in parts backward, too.</summary>
    /// <param name="config">Numbers and widths.</param>
    /// <param name="hidden">H.</param>
    /// <param name="batch">The micro-batch.</param>
    /// <param name="parts">Of how many parts one is asked for.</param>
    public static long WorkingBytes(ExpertConfig config, long hidden, BatchShape batch, int parts = 1) =>
        Rows(config, batch, parts) * ((((2 * hidden) + (3L * config.Width)) * batch.Type.ByteSize()) + (2 * hidden * sizeof(float)));

    /// <summary>Bytes of the experts' gradients, which are there once more until they are written.</summary>
    public static long GradientBytes(UnitLayout unit, BatchShape batch) =>
        unit.Trained.Parameters.Where(slot => Roles.IsExpert(slot.Role)).Sum(slot => slot.Count) * batch.Type.ByteSize();

    /// <summary>What their rows read and write in device memory beside their products, as <see cref="IUnitTemplate.NumbersBetween"/> counts it: sorting them, the gate, and bringing them back.</summary>
    /// <param name="config">Numbers and widths.</param>
    /// <param name="hidden">H.</param>
    /// <param name="parts">Of how many parts one is asked for.</param>
    public static double NumbersBetween(ExpertConfig config, long hidden, int parts = 1) => Between * config.PerToken * (hidden + (3.0 * config.Width)) / parts;

    // Fitted to steps of Qwen3-30B-A3B's shape on an H100 (docs/benchmarks/2026-11-26-experts.md); it stands for the lower rate of grouped products, too.
    private const double Between = 8.8;

    // With padding, as where the device multiplies groups.
    private static long Rows(ExpertConfig config, BatchShape batch, int parts) => GroupedRows.CountOf(parts == 1 ? batch.Tokens * config.PerToken : batch.Tokens * config.PerToken * 3 / (2 * parts), config.Count / parts);
}

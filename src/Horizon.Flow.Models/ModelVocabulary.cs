using Horizon.Flow.Host.Store;
using Horizon.Flow.Models.Common;
using Horizon.Flow.Models.Dense;

namespace Horizon.Flow.Models;

/// <summary>Models with more tokens than their folder has.</summary>
public static class ModelVocabulary
{
    // Rows at a time: a few megabytes.
    private const int RowsAtOnce = 256;

    /// <summary>The configuration with so many tokens, where it has fewer: many models have rows to spare.</summary>
    /// <param name="config">The model's.</param>
    /// <param name="size">Tokens that must have a row.</param>
    /// <exception cref="HorizonException">The family's vocabulary cannot grow.</exception>
    public static ModelConfig Grow(ModelConfig config, int size)
    {
        ArgumentNullException.ThrowIfNull(config);
        if (size <= config.VocabularySize) return config;
        return config is DenseConfig { PerLayerWidth: > 0 }
            ? throw new HorizonException($"model.additional_special_tokens: {config.Architecture} has no rows to spare, and its second table of embeddings cannot grow")
            : config with { VocabularySize = size };
    }

    /// <summary>Whether a parameter has a row for each token.</summary>
    /// <param name="role">Its role.</param>
    public static bool HasTokenRows(string role) => role is Roles.Embedding or Roles.Head;

    /// <summary>Rows of new tokens become the mean of those before them, in the embedding and in a head of its own.</summary>
    /// <param name="store">The weights, loaded.</param>
    /// <param name="first">The first new token.</param>
    /// <param name="end">One past the last.</param>
    public static void FillNewRows(ParameterStore store, int first, int end)
    {
        ArgumentNullException.ThrowIfNull(store);
        ArgumentOutOfRangeException.ThrowIfLessThan(first, 1);
        foreach (var unit in store.Units)
        {
            foreach (var slot in unit.Layout.Parameters.Where(slot => HasTokenRows(slot.Role)))
            {
                var mean = Mean(unit, slot, first);
                for (var row = first; row < end; row++) unit.WriteMasters(slot.Offset + (row * slot.Shape[1]), mean);
            }
        }
    }

    private static float[] Mean(UnitState unit, ParameterSlot slot, int rows)
    {
        var width = checked((int)slot.Shape[1]);
        var sum = new double[width];
        var some = new float[RowsAtOnce * width];
        for (var row = 0; row < rows; row += RowsAtOnce)
        {
            var values = some.AsSpan(0, Math.Min(RowsAtOnce, rows - row) * width);
            unit.ReadMasters(slot.Offset + ((long)row * width), values);
            for (var i = 0; i < values.Length; i++) sum[i % width] += values[i];
        }

        return [.. sum.Select(value => (float)(value / rows))];
    }
}

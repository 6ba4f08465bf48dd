using Horizon.Flow.Host.Store;
using Horizon.Flow.Models.Common;
using Horizon.Flow.Models.Dense;
using Horizon.Flow.Units;

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
    /// <param name="model">The model.</param>
    /// <param name="store">The weights, loaded.</param>
    /// <param name="first">The first new token.</param>
    /// <param name="end">One past the last.</param>
    /// <param name="piecesOf">What the store has of each unit; null where it has whole ones.</param>
    /// <param name="sum">Where the units are shared, adds the sums of all who share them; null elsewhere.</param>
    public static async Task FillNewRowsAsync(
        ModelDefinition model, ParameterStore store, int first, int end, Func<UnitLayout, IReadOnlyList<UnitPiece>>? piecesOf = null, Func<double[], Task<double[]>>? sum = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(store);
        ArgumentOutOfRangeException.ThrowIfLessThan(first, 1);
        for (var i = 0; i < store.Units.Count; i++)
        {
            var (unit, whole) = (store.Units[i], model.Units[i]);
            var pieces = piecesOf?.Invoke(whole) ?? [new UnitPiece(0, whole.ElementCount, 0)];
            foreach (var slot in whole.Parameters.Where(slot => HasTokenRows(slot.Role)))
            {
                var width = checked((int)slot.Shape[1]);
                var sums = Sums(unit, pieces.Select(piece => piece.Within(slot.Offset, (long)first * width)), slot, width);
                if (sum is not null) sums = await sum(sums).ConfigureAwait(false);
                var mean = Array.ConvertAll(sums, value => (float)(value / first));
                foreach (var piece in pieces.Select(piece => piece.Within(slot.Offset + ((long)first * width), (long)(end - first) * width)))
                    for (long at = 0; at < piece.Count; at++) unit.WriteMasters(piece.Place + at, [mean[(piece.First + at - slot.Offset) % width]]);
            }
        }
    }

    // [width]: of the rows that the pieces have.
    private static double[] Sums(UnitState unit, IEnumerable<UnitPiece> pieces, ParameterSlot slot, int width)
    {
        var sums = new double[width];
        var some = new float[RowsAtOnce * width];
        foreach (var piece in pieces)
        {
            for (long at = 0; at < piece.Count; at += some.Length)
            {
                var values = some.AsSpan(0, (int)Math.Min(some.Length, piece.Count - at));
                unit.ReadMasters(piece.Place + at, values);
                for (var i = 0; i < values.Length; i++) sums[(piece.First + at + i - slot.Offset) % width] += values[i];
            }
        }

        return sums;
    }
}

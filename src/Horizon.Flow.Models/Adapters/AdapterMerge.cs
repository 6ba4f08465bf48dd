using Horizon.Flow.Host.Store;
using Horizon.Flow.Models.Dense;
using Horizon.Flow.Units;
using static TorchSharp.torch;

namespace Horizon.Flow.Models.Adapters;

/// <summary>Puts W + scale B A in the place of W, so that any tool reads the model without knowing of adapters. On the CPU, in double.</summary>
public static class AdapterMerge
{
    // Numbers of a matrix that are there in double at once.
    private const long Piece = 1L << 24;

    /// <summary>Merges one unit.</summary>
    /// <param name="config">The model, with its adapters.</param>
    /// <param name="unit">Of its layout; its matrices are changed, its adapters are not.</param>
    public static void Merge(ModelConfig config, UnitState unit)
    {
        ArgumentNullException.ThrowIfNull(config);
        ArgumentNullException.ThrowIfNull(unit);
        var adapter = config.Adapter ?? throw new ArgumentException("the model has no adapters", nameof(config));
        var slots = unit.Layout.Parameters.ToDictionary(slot => slot.Role);
        foreach (var matrix in unit.Layout.Parameters)
        {
            if (slots.TryGetValue(AdapterLayout.RoleOfA(matrix.Role), out var a) && slots.TryGetValue(AdapterLayout.RoleOfB(matrix.Role), out var b))
                Merge(unit, matrix, a, b, adapter.Scale, config is DenseConfig { TransposedMatrices: true });
        }
    }

    private static void Merge(UnitState unit, ParameterSlot matrix, ParameterSlot a, ParameterSlot b, double scale, bool transposed)
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var (wide, narrow) = (Read(unit, a), Read(unit, b).Times(scale));
        // [rows, rank] and [rank, columns] of the matrix as it is stored.
        var (left, right) = transposed ? (wide.t(), narrow.t()) : (narrow, wide);
        var columns = matrix.Shape[1];
        var rows = Math.Max(1, Piece / columns);
        for (long first = 0; first < matrix.Shape[0]; first += rows)
        {
            using var piece = NewDisposeScope();
            var count = Math.Min(rows, matrix.Shape[0] - first);
            var values = new float[count * columns];
            var offset = matrix.Offset + (first * columns);
            unit.ReadMasters(offset, values);
            var merged = tensor(values, [count, columns]).to(float64).addmm(left.narrow(0, first, count), right).to(float32).contiguous();
            using var numbers = merged.data<float>();
            numbers.CopyTo(values);
            unit.WriteMasters(offset, values);
        }
    }

    // Fp64, on the CPU.
    private static Tensor Read(UnitState unit, ParameterSlot slot)
    {
        var values = new float[slot.Count];
        unit.ReadMasters(slot.Offset, values);
        return tensor(values, [.. slot.Shape]).to(float64);
    }
}

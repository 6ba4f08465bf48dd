using Horizon.Flow.Host.Store;
using Horizon.Flow.Models.Adapters;
using Horizon.Flow.Units;

namespace Horizon.Flow.Models.Tests.Adapters;

/// <summary>The same model twice: with random adapters beside its matrices, and with these merged into them; sums in double.</summary>
internal sealed class AdapterValues
{
    private readonly bool _transposed;
    private readonly double _scale;
    private readonly List<(ParameterSlot Matrix, string A, string B)> _pairs = [];

    public AdapterValues(ModelDefinition adapted, AdapterConfig adapter, IReadOnlyDictionary<string, float[]> basis, int seed, bool transposed = false)
    {
        (_scale, _transposed) = (adapter.Scale, transposed);
        var random = new Random(seed);
        (Adapted, Merged) = (new(basis), new(basis));
        foreach (var unit in adapted.Units)
        {
            foreach (var slot in unit.Parameters.Where(AdapterLayout.IsAdapter))
                Adapted[slot.TensorName] = [.. Enumerable.Range(0, (int)slot.Count).Select(_ => (float)(random.NextDouble() - 0.5))];
            foreach (var matrix in unit.Parameters)
            {
                if (unit.Parameters.FirstOrDefault(slot => slot.Role == AdapterLayout.RoleOfB(matrix.Role)) is not { } b) continue;
                var a = unit.Parameters.First(slot => slot.Role == AdapterLayout.RoleOfA(matrix.Role));
                Assert.Equal([adapter.Rank, matrix.Shape[transposed ? 0 : 1]], a.Shape);
                Assert.Equal([matrix.Shape[transposed ? 1 : 0], adapter.Rank], b.Shape);
                _pairs.Add((matrix, a.TensorName, b.TensorName));
                Merged[matrix.TensorName] = Merge(matrix, Adapted[a.TensorName], Adapted[b.TensorName], adapter.Rank);
            }
        }
    }

    public Dictionary<string, float[]> Adapted { get; }

    public Dictionary<string, float[]> Merged { get; }

    /// <summary>The names of the matrices that have adapters.</summary>
    public IEnumerable<string> Matrices => _pairs.Select(pair => pair.Matrix.TensorName);

    /// <summary>dA = s B^T dW and dB = s dW A^T, of the merged model's dW.</summary>
    public Dictionary<string, float[]> Project(IReadOnlyDictionary<string, float[]> merged)
    {
        var found = new Dictionary<string, float[]>();
        foreach (var (matrix, nameA, nameB) in _pairs)
        {
            var (a, b, d) = (Adapted[nameA], Adapted[nameB], merged[matrix.TensorName]);
            var (rows, columns) = Extents(matrix);
            var rank = a.Length / columns;
            var (dA, dB) = (new double[a.Length], new double[b.Length]);
            for (var i = 0; i < rows; i++)
            {
                for (var j = 0; j < columns; j++)
                {
                    var slope = _scale * d[Place(i, j, rows, columns)];
                    for (var k = 0; k < rank; k++)
                    {
                        dA[(k * columns) + j] += slope * b[(i * rank) + k];
                        dB[(i * rank) + k] += slope * a[(k * columns) + j];
                    }
                }
            }

            (found[nameA], found[nameB]) = (Array.ConvertAll(dA, value => (float)value), Array.ConvertAll(dB, value => (float)value));
        }

        return found;
    }

    private float[] Merge(ParameterSlot matrix, float[] a, float[] b, int rank)
    {
        var (rows, columns) = Extents(matrix);
        float[] merged = [.. Merged[matrix.TensorName]];
        for (var i = 0; i < rows; i++)
        {
            for (var j = 0; j < columns; j++)
            {
                var sum = 0.0;
                for (var k = 0; k < rank; k++) sum += (double)b[(i * rank) + k] * a[(k * columns) + j];
                ref var place = ref merged[Place(i, j, rows, columns)];
                place = (float)(place + (_scale * sum));
            }
        }

        return merged;
    }

    private (int Rows, int Columns) Extents(ParameterSlot matrix) => _transposed
        ? ((int)matrix.Shape[1], (int)matrix.Shape[0]) : ((int)matrix.Shape[0], (int)matrix.Shape[1]);

    private int Place(int row, int column, int rows, int columns) => _transposed ? (column * rows) + row : (row * columns) + column;
}

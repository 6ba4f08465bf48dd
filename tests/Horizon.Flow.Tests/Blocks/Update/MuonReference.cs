namespace Horizon.Flow.Tests.Blocks.Update;

/// <summary>Muon for one matrix, written from its description with plain loops in fp64 (Keller Jordan et al., 2024; Liu et al., 2025).</summary>
public sealed class MuonReference(int rows, int columns, double momentum, double decay)
{
    private readonly double[,] _momentum = new double[rows, columns];

    public void Step(double[,] weights, double[,] gradient, double learningRate)
    {
        var direction = new double[rows, columns];
        for (var i = 0; i < rows; i++)
        {
            for (var j = 0; j < columns; j++)
            {
                _momentum[i, j] = (momentum * _momentum[i, j]) + gradient[i, j];
                direction[i, j] = gradient[i, j] + (momentum * _momentum[i, j]);
            }
        }

        var orthogonal = Orthogonalize(direction);
        for (var i = 0; i < rows; i++)
        {
            for (var j = 0; j < columns; j++)
                weights[i, j] -= learningRate * ((0.2 * Math.Sqrt(Math.Max(rows, columns)) * orthogonal[i, j]) + (decay * weights[i, j]));
        }
    }

    public static double[,] Orthogonalize(double[,] matrix)
    {
        var norm = Math.Sqrt(matrix.Cast<double>().Sum(value => value * value)) + 1e-7;
        var x = Combine(matrix, 1 / norm, matrix, 0);
        for (var step = 0; step < 5; step++)
        {
            var square = Product(x, Transpose(x));
            var polynomial = Combine(square, -4.7750, Product(square, square), 2.0315);
            x = Combine(x, 3.4445, Product(polynomial, x), 1);
        }

        return x;
    }

    private static double[,] Product(double[,] a, double[,] b)
    {
        var result = new double[a.GetLength(0), b.GetLength(1)];
        for (var i = 0; i < a.GetLength(0); i++)
            for (var k = 0; k < a.GetLength(1); k++)
                for (var j = 0; j < b.GetLength(1); j++) result[i, j] += a[i, k] * b[k, j];
        return result;
    }

    private static double[,] Combine(double[,] a, double scaleOfA, double[,] b, double scaleOfB)
    {
        var result = new double[a.GetLength(0), a.GetLength(1)];
        for (var i = 0; i < a.GetLength(0); i++)
            for (var j = 0; j < a.GetLength(1); j++) result[i, j] = (scaleOfA * a[i, j]) + (scaleOfB * b[i, j]);
        return result;
    }

    private static double[,] Transpose(double[,] a)
    {
        var result = new double[a.GetLength(1), a.GetLength(0)];
        for (var i = 0; i < a.GetLength(0); i++)
            for (var j = 0; j < a.GetLength(1); j++) result[j, i] = a[i, j];
        return result;
    }
}

using Horizon.Flow.Host.Numerics;
using Horizon.Flow.Host.Optimizers;
using Horizon.Flow.Host.Store;
using Horizon.Flow.Host.Workers;
using Horizon.Flow.Tests.Shared;

namespace Horizon.Flow.Host.Tests;

public sealed class AdafactorTests : OptimizerContractTests
{
    internal override IHostOptimizer Create(OptimizerOptions options, VectorPath path) => new Adafactor(options) { Path = path };

    [Cases(30)]
    public void Update_SomeSteps_AsInDouble(int seed)
    {
        var example = OptimizerCase.From(seed);
        var random = new Random(seed);
        var (decay, rate) = (random.NextDouble(), random.NextDouble() * 0.1);
        var optimizer = Create(new() { WeightDecay = decay }, VectorPaths.Best);
        using var unit = example.Create(optimizer);
        using var workers = new HostWorkers(2);
        var weights = unit.Masters.Select(value => (double)value).ToArray();
        var references = example.Layout.Parameters.Select(slot => new AdafactorReference(slot)).ToArray();
        for (var step = 1; step <= 3; step++)
        {
            unit.Gradients = example.Gradient(step);
            optimizer.Update(unit.State, unit.Gradient, new(step, rate, 0.5f), workers);
            var gradients = unit.Gradients.Select(value => 0.5 * value).ToArray();
            foreach (var reference in references) reference.Step(weights, gradients, step, rate, decay);
        }

        var masters = unit.Masters;
        for (var i = 0; i < unit.Count; i++) Close.Assert(weights[i], masters[i], 1, 1e-6);
        Same(references.SelectMany(reference => reference.Rows), unit.StateNumbers(0));
        Same(references.SelectMany(reference => reference.Columns), unit.StateNumbers(1));
        Same(references.SelectMany(reference => reference.Elements), unit.StateNumbers(2));

        static void Same(IEnumerable<double> expected, float[] actual)
        {
            foreach (var (one, other) in expected.Zip(actual)) Close.Assert(one, other, one, 2e-6);
        }
    }

    [Fact]
    public void DescribeState_MatricesAndVectors_TakesRowsPlusColumns()
    {
        var layout = new UnitLayout("unit", "unit", [("a", "a", [30, 20]), ("b", "b", [7]), ("c", "c", [2, 3, 4])]);
        Assert.Equal([4L * (30 + 6), 4L * (20 + 4), 4L * 7], Create(new(), VectorPaths.Best).DescribeState(layout).Select(buffer => buffer.ByteLength));
    }

    /// <summary>Algorithm 4 of the paper with the clamps of torch.optim.Adafactor, in double, written matrix by matrix.</summary>
    private sealed class AdafactorReference(ParameterSlot slot)
    {
        private const double Least = 1.1920928955078125e-7;
        private readonly bool _matrix = slot.Shape.Count > 1;

        public double[] Rows { get; } = new double[slot.Shape.Count > 1 ? slot.Count / slot.Shape[^1] : 0];

        public double[] Columns { get; } = new double[slot.Shape.Count > 1 ? slot.Shape[^1] : 0];

        public double[] Elements { get; } = new double[slot.Shape.Count > 1 ? 0 : slot.Count];

        public void Step(double[] weights, double[] gradients, int step, double rate, double decay)
        {
            if (slot.Count == 0) return;
            var p = weights.AsSpan((int)slot.Offset, (int)slot.Count);
            var g = gradients.AsSpan((int)slot.Offset, (int)slot.Count);
            var share = Math.Pow(step, -0.8);
            for (var r = 0; r < Rows.Length; r++)
            {
                var sum = 0.0;
                for (var c = 0; c < Columns.Length; c++) sum += g[(r * Columns.Length) + c] * g[(r * Columns.Length) + c];
                Rows[r] = ((1 - share) * Rows[r]) + (share * sum / Columns.Length);
            }

            for (var c = 0; c < Columns.Length; c++)
            {
                var sum = 0.0;
                for (var r = 0; r < Rows.Length; r++) sum += g[(r * Columns.Length) + c] * g[(r * Columns.Length) + c];
                Columns[c] = ((1 - share) * Columns[c]) + (share * sum / Rows.Length);
            }

            for (var i = 0; i < Elements.Length; i++) Elements[i] = ((1 - share) * Elements[i]) + (share * g[i] * g[i]);

            var updates = new double[g.Length];
            var mean = _matrix ? Math.Max(Rows.Average(), Least) : 0;
            for (var i = 0; i < g.Length; i++)
            {
                var variance = _matrix ? Rows[i / Columns.Length] * Columns[i % Columns.Length] / mean : Elements[i];
                updates[i] = g[i] / Math.Sqrt(Math.Max(variance, Least * Least));
            }

            var alpha = Math.Max(1e-3, RootMeanSquare(p)) * Math.Min(rate, 1 / Math.Sqrt(step));
            var clip = Math.Max(1, RootMeanSquare(updates));
            for (var i = 0; i < g.Length; i++) p[i] = (p[i] * (1 - (rate * decay))) - (alpha * updates[i] / clip);
        }

        private static double RootMeanSquare(ReadOnlySpan<double> values)
        {
            var sum = 0.0;
            foreach (var value in values) sum += value * value;
            return Math.Sqrt(sum / values.Length);
        }
    }
}

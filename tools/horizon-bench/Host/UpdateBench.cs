using Horizon.Examples;
using Horizon.Flow.Host.Gradients;
using Horizon.Flow.Host.Memory;
using Horizon.Flow.Host.Numerics;
using Horizon.Flow.Host.Optimizers;
using Horizon.Flow.Host.Store;
using Horizon.Flow.Host.Workers;

namespace Horizon.Flow.Bench;

/// <summary>
/// Steps of the optimizers over several units of a decoder's shapes, and of the gradient sweeps. Bytes are those that must
/// move: the gradient read, everything else read and written once.
/// </summary>
internal static class UpdateBench
{
    private const int Units = 4;

    /// <summary>A user's rule, from another assembly: examples/OwnRule.</summary>
    private const string OwnRule = "adabelief";

    public static IEnumerable<BenchRow> Measure(HostWorkers workers, BenchSettings settings)
    {
        var layout = Layout(settings.Parameters / Units);
        using var gradient = new HostBuffer(layout.ElementCount * sizeof(float));
        gradient.Touch(workers);
        workers.Sweep(gradient.ByteLength / 2, (chunk, first, count) => FillGradient(gradient.Span<ushort>(first, count), (int)chunk));
        var bf16 = new HostGradientView(gradient.Address, ElementType.BFloat16, layout.ElementCount);
        foreach (var name in settings.Optimizers.Count > 0 ? settings.Optimizers : [.. OptimizerFactory.Names, OwnRule])
        {
            foreach (var path in settings.AllPaths ? VectorPaths.Supported : [VectorPaths.Best])
            {
                yield return Measure(name, path, StorePrecision.Bf16, bf16, layout, workers, settings);
                if (name == "adamw")
                {
                    yield return Measure(name, path, StorePrecision.Bf16, bf16, layout, workers, settings, UpdateParts.Weights);
                    yield return Measure(name, path, StorePrecision.Bf16, bf16, layout, workers, settings, UpdateParts.State);
                }

                if (name is "adamw" or OwnRule) yield return Measure(name, path, StorePrecision.Fp32, bf16 with { Type = ElementType.Float32 }, layout, workers, settings);
            }
        }

        using var accumulator = new HostBuffer(gradient.ByteLength);
        accumulator.Touch(workers);
        var norm = HostBench.Time(settings.Seconds, () => GradientSweeps.SumOfSquares(bf16, workers));
        yield return new("sum of squares, bf16", workers.Threads, 2, layout.ElementCount, norm, 0);
        var adding = HostBench.Time(settings.Seconds, () => GradientSweeps.Accumulate(accumulator.Address, bf16, false, workers));
        yield return new("accumulate bf16 and its norm", workers.Threads, 10, layout.ElementCount, adding, 0);
    }

    /// <summary>Numbers of either sign between 0.0005 and 0.002, in bf16, and in fp32 where two of them are read as one.</summary>
    private static void FillGradient(Span<ushort> bits, int seed)
    {
        var random = new Random(seed);
        foreach (ref var number in bits) number = (ushort)((0x3A00 + random.Next(0x100)) | (random.Next(2) << 15));
    }

    private static BenchRow Measure(
        string name, VectorPath path, StorePrecision precision, HostGradientView gradient, UnitLayout layout, HostWorkers workers, BenchSettings settings,
        UpdateParts parts = UpdateParts.All)
    {
        var optimizer = name == OwnRule ? new AdaBelief { Path = path } : OptimizerFactory.Create(name, null, path);
        var units = Enumerable.Range(0, Units).Select(_ => new UnitState(layout, precision, optimizer.DescribeState(layout))).ToArray();
        foreach (var unit in units)
        {
            foreach (var buffer in unit.Buffers) buffer.Touch(workers);
        }

        var number = 0;
        var seconds = HostBench.Time(settings.Seconds, () =>
        {
            number++;
            foreach (var unit in units) optimizer.Update(unit, gradient, new OptimizerStep(number, 1e-5, 0.5f) { Parts = parts }, workers);
        });
        var state = (double)units[0].OptimizerState.Sum(buffer => buffer.ByteLength) / layout.ElementCount;
        var masters = ((double)units[0].ByteLength / layout.ElementCount) - state;
        var moved = gradient.Type.ByteSize() + (parts == UpdateParts.State ? 0 : 2 * masters) + (parts == UpdateParts.Weights ? state : 2 * state);
        foreach (var unit in units) unit.Dispose();
        var kept = precision == StorePrecision.Bf16 ? "exact masters" : "fp32";
        return new($"{name}{(parts == UpdateParts.All ? "" : $" ({parts})")}, {kept}{(settings.AllPaths ? $", {path}" : "")}", workers.Threads, moved, Units * layout.ElementCount, seconds, 0);
    }

    /// <summary>A unit of about <paramref name="count"/> parameters: matrices 4096 wide and two norms.</summary>
    private static UnitLayout Layout(long count)
    {
        const long Width = 4096;
        var rows = Math.Max(1, count / Width / 4);
        return new("unit", "unit",
        [
            ("norm1", "norm1.weight", [Width]),
            .. Enumerable.Range(0, 4).Select(index => ($"w{index}", $"w{index}.weight", new[] { rows, Width })),
            ("norm2", "norm2.weight", [Width]),
        ]);
    }
}

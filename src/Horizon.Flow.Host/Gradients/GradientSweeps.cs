using System.Buffers;
using System.Runtime.CompilerServices;
using Horizon.Flow.Host.Memory;
using Horizon.Flow.Host.Numerics;
using Horizon.Flow.Host.Workers;

namespace Horizon.Flow.Host.Gradients;

/// <summary>Sweeps over flat gradients in host memory. Bitwise the same for any number of threads and any instruction set.</summary>
public static unsafe class GradientSweeps
{
    /// <summary>The sum of the squares of a gradient: reads it once, 2 or 4 bytes an element.</summary>
    /// <param name="gradient">fp32 or bf16.</param>
    /// <param name="workers">The threads to use.</param>
    public static SquareSum SumOfSquares(HostGradientView gradient, HostWorkers workers) =>
        SumOfSquares(gradient, workers, VectorPaths.Best);

    /// <summary>
    /// Adds a slab to an fp32 accumulator, and sums the squares of what the accumulator holds then, in one pass.
    /// </summary>
    /// <param name="accumulator">First of as many fp32 elements as the slab has.</param>
    /// <param name="slab">fp32 or bf16.</param>
    /// <param name="overwrite">True for the first micro-batch of a step: what the accumulator held does not count.</param>
    /// <param name="workers">The threads to use.</param>
    public static SquareSum Accumulate(nint accumulator, HostGradientView slab, bool overwrite, HostWorkers workers) =>
        Accumulate(accumulator, slab, overwrite, workers, VectorPaths.Best);

    internal static SquareSum SumOfSquares(HostGradientView gradient, HostWorkers workers, VectorPath path) =>
        Sweep(gradient, 0, false, workers, path);

    internal static SquareSum Accumulate(nint accumulator, HostGradientView slab, bool overwrite, HostWorkers workers, VectorPath path) =>
        Sweep(slab, accumulator, overwrite, workers, path);

    private static SquareSum Sweep(HostGradientView gradient, nint accumulator, bool overwrite, HostWorkers workers, VectorPath path)
    {
        ArgumentNullException.ThrowIfNull(workers);
        if (gradient.Type is not (ElementType.Float32 or ElementType.BFloat16))
            throw new ArgumentException($"a gradient is Float32 or BFloat16, not {gradient.Type}", nameof(gradient));
        var chunks = (int)((gradient.Count + HostWorkers.ChunkElements - 1) / HostWorkers.ChunkElements);
        var partial = ArrayPool<double>.Shared.Rent(chunks);
        workers.Sweep(gradient.Count, new GradientKernel(gradient, (float*)accumulator, overwrite, partial, path));
        var sum = 0.0;
        for (var chunk = 0; chunk < chunks; chunk++) sum += partial[chunk];
        ArrayPool<double>.Shared.Return(partial);
        return new(sum);
    }

    private readonly struct GradientKernel(
        HostGradientView gradient, float* accumulator, bool overwrite, double[] partial, VectorPath path) : ISweepKernel
    {
        public void Run(long chunk, long first, int count)
        {
            var source = (void*)gradient.Address;
            var type = gradient.Type;
            if (accumulator is not null)
            {
                if (type == ElementType.BFloat16) Add<BFloat16Gradient>(source, first, first + count);
                else Add<Fp32Gradient>(source, first, first + count);
                source = accumulator;
                type = ElementType.Float32;
            }

            partial[chunk] = type == ElementType.BFloat16
                ? SquareAccumulator.Sum(new GradientSource<BFloat16Gradient>(source, 1), first, count, path)
                : SquareAccumulator.Sum(new GradientSource<Fp32Gradient>(source, 1), first, count, path);
        }

        private void Add<TFormat>(void* source, long index, long end)
            where TFormat : struct, IGradientFormat
        {
            if (path == VectorPath.Avx512) index = Add<Avx512Lanes, TFormat>(source, index, end);
            if (path == VectorPath.Avx2) index = Add<Avx2Lanes, TFormat>(source, index, end);
            Add<PortableLanes, TFormat>(source, index, end);
        }

        [MethodImpl(Kernels.Loop)]
        private long Add<TLanes, TFormat>(void* source, long index, long end)
            where TLanes : struct, IMemoryLanes<TLanes>
            where TFormat : struct, IGradientFormat
        {
            for (; index + TLanes.Width <= end; index += TLanes.Width)
            {
                if (TLanes.Width > 1 && index % Prefetch.Line == 0 && index + Prefetch.Ahead < end)
                {
                    Prefetch.Request(source, index + Prefetch.Ahead, TFormat.ElementBytes);
                    Prefetch.Request(accumulator, index + Prefetch.Ahead, sizeof(float));
                }

                var value = TFormat.Load<TLanes>(source, index);
                if (!overwrite) value = TLanes.Load(accumulator + index) + value;
                value.Store(accumulator + index);
            }

            return index;
        }
    }
}

using System.Runtime.Intrinsics;
using Horizon.Flow.Host.Memory;
using Horizon.Flow.Host.Workers;

namespace Horizon.Flow.Bench;

/// <summary>
/// The triad of McCalpin's STREAM, a = b + s c, on fp32: the machine's own streaming bandwidth. Counted as STREAM does, 12
/// bytes an element; an ordinary store also reads its line, which is not counted.
/// </summary>
internal static unsafe class Triad
{
    public static IEnumerable<BenchRow> Measure(HostWorkers workers, BenchSettings settings)
    {
        foreach (var huge in new[] { false, true })
            foreach (var streaming in new[] { false, true })
                yield return Measure(workers, settings, huge, streaming);
    }

    private static BenchRow Measure(HostWorkers workers, BenchSettings settings, bool huge, bool streaming)
    {
        var count = settings.Parameters;
        var bytes = count * sizeof(float);
        var a = (float*)HostPages.Allocate(bytes, huge);
        var b = (float*)HostPages.Allocate(bytes, huge);
        var c = (float*)HostPages.Allocate(bytes, huge);
        workers.Sweep(count, new FillKernel(a, b, c));
        var seconds = HostBench.Time(settings.Seconds, () => workers.Sweep(count, new TriadKernel(a, b, c, streaming)));
        HostPages.Free(a, bytes);
        HostPages.Free(b, bytes);
        HostPages.Free(c, bytes);
        return new($"triad{(streaming ? ", non-temporal" : "")}{(huge ? ", huge pages" : "")}", workers.Threads, 12, count, seconds, 0);
    }

    private readonly struct FillKernel(float* a, float* b, float* c) : ISweepKernel
    {
        public void Run(long chunk, long first, int count)
        {
            new Span<float>(a + first, count).Fill(1);
            new Span<float>(b + first, count).Fill(2);
            new Span<float>(c + first, count).Fill(3);
        }
    }

    private readonly struct TriadKernel(float* a, float* b, float* c, bool streaming) : ISweepKernel
    {
        public void Run(long chunk, long first, int count)
        {
            var (i, end) = (first, first + count);
            var scale = Vector512.Create(0.5f);
            if (streaming)
            {
                for (; i + 16 <= end; i += 16) (Vector512.Load(b + i) + (scale * Vector512.Load(c + i))).StoreAlignedNonTemporal(a + i);
            }
            else
            {
                for (; i + 16 <= end; i += 16) (Vector512.Load(b + i) + (scale * Vector512.Load(c + i))).Store(a + i);
            }

            for (; i < end; i++) a[i] = b[i] + (0.5f * c[i]);
        }
    }
}

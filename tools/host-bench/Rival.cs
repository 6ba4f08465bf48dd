#if RIVAL
using TorchSharp;
using static TorchSharp.torch;
#endif

namespace Horizon.Flow.HostBench;

/// <summary>libtorch's AdamW as TorchSharp offers it, on fp32 parameters: the figure to beat.</summary>
internal static class Rival
{
#if RIVAL
    private const int Tensors = 16;

    public static BenchRow Measure(int threads, BenchSettings settings)
    {
        set_num_threads(threads);
        using var scope = NewDisposeScope();
        var count = settings.Parameters / Tensors;
        var parameters = Enumerable.Range(0, Tensors).Select(_ => new Modules.Parameter(zeros(count))).ToArray();
        foreach (var parameter in parameters) parameter.grad = full(count, 1e-3f);
        using var optimizer = optim.AdamW(parameters, 1e-5, 0.9, 0.95, 1e-8, 0.1);
        var seconds = Bench.Time(settings.Seconds, () => optimizer.step());
        return new("TorchSharp AdamW, fp32", threads, 28, count * Tensors, seconds, 0);
    }
#else
    public static BenchRow Measure(int threads, BenchSettings settings) =>
        throw new InvalidOperationException("this host-bench was built with HostBenchRival=false; build it again without");
#endif
}

using Horizon.Flow.Native;
using static TorchSharp.torch;

namespace Horizon.Flow.Bench;

/// <summary>libtorch's AdamW as TorchSharp offers it, on fp32 parameters: the figure to beat.</summary>
internal static class Rival
{
    private const int Tensors = 16;

    /// <summary>Bytes are those of one pass, as ours makes; it makes several.</summary>
    public static BenchRow Measure(int threads, BenchSettings settings)
    {
        NativeTorch.Load();
        set_num_threads(threads);
        using var scope = NewDisposeScope();
        var count = settings.Parameters / Tensors;
        var parameters = Enumerable.Range(0, Tensors).Select(_ => new TorchSharp.Modules.Parameter(zeros(count))).ToArray();
        foreach (var parameter in parameters) parameter.grad = tensor(1e-3f).expand(count).contiguous();
        using var optimizer = optim.AdamW(parameters, 1e-5, 0.9, 0.95, 1e-8, 0.1);
        var seconds = HostBench.Time(settings.Seconds, () => optimizer.step());
        return new("TorchSharp AdamW, fp32", threads, 28, count * Tensors, seconds, 0);
    }
}

using Horizon.Flow.Devices;
using Horizon.Flow.Host.Memory;
using TorchSharp;
using static TorchSharp.torch;

namespace Horizon.Flow.Bench;

/// <summary>Times one operator after another, each apart from the others' memory, and prints it beside its floor.</summary>
internal sealed class KernelBench(IComputeDevice device, Report report, TimeSpan limit)
{
    private double _bandwidth = 1;

    /// <summary>Some operators exist on GPUs alone.</summary>
    public bool OnCpu => device.MemoryBytes is null;

    /// <summary>Measures a copy on the device: the bandwidth that floors are worked out from.</summary>
    public Task CopyAsync() => report.Part("copy", limit, async () =>
    {
        var bytes = device.MemoryBytes is null ? 64L << 20 : 2L << 30;
        using var source = device.Allocate(bytes / 2, ElementType.BFloat16);
        using var target = device.Allocate(bytes / 2, ElementType.BFloat16);
        _bandwidth = 2 * bytes / await Stopclock.TimeAsync(device, () => target.Flat.copy_(source.Flat));
        report.Say($"device copy: {_bandwidth / 1e12:F2} TB/s (read and written)");
    });

    /// <summary>Times a body that <paramref name="prepare"/> makes on the lane; what it allocated is freed after.</summary>
    /// <param name="name">The operator.</param>
    /// <param name="bytes">What must move; 0 for none.</param>
    /// <param name="flops">What must be computed; 0 for none.</param>
    /// <param name="prepare">Makes the inputs and the body.</param>
    /// <returns>Seconds; 0 where it did not run.</returns>
    public async Task<double> TimeAsync(string name, double bytes, double flops, Func<Action> prepare)
    {
        var seconds = 0.0;
        await report.Part(name, limit, async () => seconds = await MeasureAsync(name, bytes, flops, prepare));
        return seconds;
    }

    private async Task<double> MeasureAsync(string name, double bytes, double flops, Func<Action> prepare)
    {
        Action? body = null;
        await device.Lane.RunAsync(() =>
        {
            using var scope = NewDisposeScope();
            body = prepare();
            Keep(scope);
        });
        try
        {
            var seconds = await Stopclock.TimeAsync(device, body!);
            var floor = bytes > 0 ? FormattableString.Invariant($"; floor {bytes / _bandwidth * 1e3:F3} ms, {bytes / _bandwidth / seconds:P0} of it reached") : "";
            var rate = flops > 0 ? FormattableString.Invariant($"; {flops / seconds / 1e12:F0} TFLOP/s") : "";
            report.Say($"{name,-58} {seconds * 1e3,8:F3} ms{floor}{rate}");
            return seconds;
        }
        finally
        {
            await device.Lane.RunAsync(Free);
        }
    }

    /// <summary>Random numbers in bf16 (fp32 on the CPU is not what is measured).</summary>
    public Tensor Random(params long[] shape) => randn(shape, dtype: ScalarType.BFloat16, device: device.TorchDevice);

    private readonly List<Tensor> _kept = [];

    private void Keep(DisposeScope scope)
    {
        foreach (var tensor in scope.DisposablesView.OfType<Tensor>().ToList()) _kept.Add(tensor.DetachFromDisposeScope());
    }

    private void Free()
    {
        foreach (var tensor in _kept) tensor.Dispose();
        _kept.Clear();
    }
}

using System.Diagnostics;
using Horizon.Flow.Devices;
using Horizon.Flow.Distributed;
using Horizon.Flow.Host.Gradients;
using Horizon.Flow.Host.Memory;
using Horizon.Flow.Host.Optimizers;
using Horizon.Flow.Host.Store;
using Horizon.Flow.Host.Workers;
using Horizon.Flow.Models;
using Horizon.Flow.Native;
using Horizon.Flow.Units;
using static TorchSharp.torch.nn.functional;
using static TorchSharp.torch;

namespace Horizon.Flow.Bench;

/// <summary>Measures the rates that bound a step: copies, the products of the model's shapes, attention, the host's update.</summary>
internal static class FloorBench
{
    public static async Task<Floor> MeasureAsync(IComputeDevice device, ModelConfig config, ModelDefinition model, StepSettings settings, HostWorkers workers, Report report, ICollectives? ranks = null)
    {
        if (ranks is not null) await ranks.BarrierAsync(); // all measure at once: what they share is shared
        var type = settings.Precision == "fp32" ? ElementType.Float32 : ElementType.BFloat16;
        var (up, down, both) = await CopyRatesAsync(device, report);
        var (forward, wide, backward, head) = await ProductsAsync(device, config, type.ToScalarType(), settings, report);
        if (ranks is not null) await ranks.BarrierAsync();
        var update = UpdateRate(type, workers, report);

        var count = settings.Accumulation;
        var slices = ranks?.Count ?? 1;
        long embedding = model.Units[model.Hidden[0].Unit].ElementCount, all = model.ParameterCount;
        var untied = config.TiedHead ? 0 : embedding;
        // Layers go up twice; the embedding and the head once each, and once more where they are one unit.
        var bytesUp = ((2.0 * (all - embedding - untied)) + (config.TiedHead ? 2 : 1) * embedding + untied) * type.ByteSize() * count / slices;
        var bytesDown = (all + (config.TiedHead ? embedding : 0.0)) * type.ByteSize() * count / slices;
        var rate = Math.Min(Math.Min(up, down), both);
        var floor = new Floor(
            count * ((config.LayerCount * ((2 * forward) + backward)) + head),
            count * ((config.LayerCount * (forward + backward)) + head),
            bytesUp / rate,
            bytesDown / rate,
            all / update / slices,
            count * forward,
            count * wide,
            settings.Clip > 0 ? config.LayerCount * forward : null);
        report.Say($"floor: compute {floor.Compute:F3} s ({floor.ComputeWithoutRecompute:F3} s with nothing recomputed), up {bytesUp / 1e9:F1} GB {floor.Upload:F3} s, down {bytesDown / 1e9:F1} GB {floor.Download:F3} s, update {floor.Update:F3} s; {floor.Binding} binds at {floor.Seconds:F3} s");
        return floor;
    }

    private static async Task<(double Up, double Down, double Both)> CopyRatesAsync(IComputeDevice device, Report report)
    {
        var bytes = device.MemoryBytes is null ? 64L << 20 : 512L << 20;
        using var source = new HostBuffer(bytes);
        using var target = new HostBuffer(bytes);
        device.PageLock(source);
        device.PageLock(target);
        using var above = device.Allocate(bytes, ElementType.UInt8);
        using var below = device.Allocate(bytes, ElementType.UInt8);
        async Task<double> Rate(bool up, bool down)
        {
            var best = 0.0;
            for (var round = 0; round < 3; round++)
            {
                var start = Stopwatch.GetTimestamp();
                var fences = new List<Fence>();
                for (var i = 0; i < 4; i++)
                {
                    if (up) fences.Add(device.Upload(source, bytes, above, Fence.Completed));
                    if (down) fences.Add(device.Download(below, bytes, target, Fence.Completed));
                }

                foreach (var fence in fences) await fence.WaitAsync();
                best = Math.Max(best, 4 * bytes / Stopwatch.GetElapsedTime(start).TotalSeconds);
            }

            return best;
        }

        var rates = (Up: await Rate(true, false), Down: await Rate(false, true), Both: await Rate(true, true));
        report.Say($"copies: up {rates.Up / 1e9:F1} GB/s, down {rates.Down / 1e9:F1}, both at once {rates.Both / 1e9:F1} each way");
        device.Unlock(source);
        device.Unlock(target);
        return rates;
    }

    private static async Task<(double Forward, double Wide, double Backward, double Head)> ProductsAsync(
        IComputeDevice device, ModelConfig config, ScalarType type, StepSettings settings, Report report)
    {
        var tokens = settings.Tokens;
        long hidden = config.HiddenSize, inner = config.IntermediateSize, heads = config.HeadCount * (long)config.HeadDimension;
        var keys = config.KeyValueHeadCount * (long)config.HeadDimension;
        double forward = 0, wide = 0, backward = 0;
        foreach (var (name, rows, columns) in new[] { ("q, k, v", heads + (2 * keys), hidden), ("output", hidden, heads), ("gate, up", 2 * inner, hidden), ("down", hidden, inner) })
        {
            var (there, back) = await (settings.Fp8 is { } fp8 ? Fp8ProductAsync(device, tokens, rows, columns, fp8) : ProductAsync(device, tokens, rows, columns, type));
            var flops = 2.0 * tokens * rows * columns / 1e12;
            report.Say($"product {name} [{tokens} x {columns}] x [{rows}]: forward {there * 1e3:F2} ms ({flops / there:F0} TFLOP/s), backward {back * 1e3:F2} ms ({2 * flops / back:F0} TFLOP/s)");
            forward += there;
            backward += back;
            if (rows == 2 * inner) wide += there;
        }

        var (attention, attentionBack) = await AttentionAsync(device, config, type, settings, ordered: false);
        var (inOrder, inOrderBack) = await AttentionAsync(device, config, type, settings, ordered: true);
        report.Say($"libtorch's attention with its sums in order: forward {inOrder * 1e3:F2} ms, backward {inOrderBack * 1e3:F2} ms");
        report.Say($"attention: forward {attention * 1e3:F2} ms, backward {attentionBack * 1e3:F2} ms; a layer's floor: forward {(forward + attention) * 1e3:F1} ms, backward {(backward + attentionBack) * 1e3:F1} ms");
        var piece = Math.Min(tokens, 8192);
        var (headThere, headBack) = await ProductAsync(device, piece, config.VocabularySize, hidden, type);
        return (forward + attention, wide, backward + attentionBack, (headThere + headBack) * tokens / piece);
    }

    private static async Task<(double Forward, double Backward)> ProductAsync(IComputeDevice device, long tokens, long rows, long columns, ScalarType type)
    {
        var (x, weight, gradient) = await device.Lane.RunAsync(() => (
            Random(device, type, tokens, columns), Random(device, type, rows, columns), Random(device, type, tokens, rows)));
        var forward = await Stopclock.TimeAsync(device, () => linear(x, weight));
        var backward = await Stopclock.TimeAsync(device, () =>
        {
            gradient.matmul(weight);
            gradient.t().matmul(x);
        });
        await Free(device, x, weight, gradient);
        return (forward, backward);
    }

    // Operands that are in fp8 already.
    private static async Task<(double Forward, double Backward)> Fp8ProductAsync(IComputeDevice device, long tokens, long rows, long columns, Fp8Options options)
    {
        var operators = device.Operators.Fp8 ?? throw new HorizonException($"{device.Name} has no products in fp8");
        Fp8Pair Rounded(Fp8Format format, bool isWeight, params long[] shape)
        {
            using var x = Random(device, bfloat16, shape);
            var pair = operators.Quantize(x, new(format, options.Scaling, isWeight, Straight: true, Transposed: true));
            pair.Straight!.Detach();
            pair.Transposed!.Detach();
            return pair;
        }

        var (x, weight, gradient) = await device.Lane.RunAsync(() => (
            Rounded(Fp8Format.E4M3, false, tokens, columns), Rounded(Fp8Format.E4M3, true, rows, columns), Rounded(options.Gradients, false, tokens, rows)));
        Tensor Output(long first, long second) => empty([first, second], bfloat16, device.TorchDevice);
        var forward = await Stopclock.TimeAsync(device, () => operators.Multiply(x.Straight!, weight.Straight!, Output(tokens, rows), fast: true));
        var backward = await Stopclock.TimeAsync(device, () =>
        {
            operators.Multiply(gradient.Straight!, weight.Transposed!, Output(tokens, columns), fast: options.FastGradients);
            operators.Multiply(gradient.Transposed!, x.Transposed!, Output(rows, columns), fast: options.FastGradients);
        });
        await device.Lane.RunAsync(() =>
        {
            foreach (var pair in new[] { x, weight, gradient }) pair.Dispose();
        });
        return (forward, backward);
    }

    private static async Task<(double Forward, double Backward)> AttentionAsync(IComputeDevice device, ModelConfig config, ScalarType type, StepSettings settings, bool ordered)
    {
        // Of documents rows of the average length: less than the kernel's own, since long ones take more than short ones less.
        long[] shape = [settings.Rows, config.HeadCount, settings.Tokens / settings.Rows, config.HeadDimension];
        var tensors = await device.Lane.RunAsync(() => Enumerable.Range(0, 4).Select(_ => Random(device, type, shape)).ToArray());
        Tensor Attend()
        {
            using var order = ordered ? DeterministicScope.Enter(device.TorchDevice) : default;
            return scaled_dot_product_attention(tensors[0], tensors[1], tensors[2], is_casual: true);
        }

        var forward = await Stopclock.TimeAsync(device, () => Attend());
        foreach (var tensor in tensors[..3]) tensor.requires_grad_();
        var both = await Stopclock.TimeAsync(device, () =>
        {
            using var grad = enable_grad();
            using var order = ordered ? DeterministicScope.Enter(device.TorchDevice) : default;
            autograd.grad([Attend()], tensors[..3], [tensors[3]]);
        });
        await Free(device, tensors);
        return (forward, both - forward);
    }

    private static double UpdateRate(ElementType type, HostWorkers workers, Report report)
    {
        const long Rows = 32_768;
        var optimizer = OptimizerFactory.Create("adamw");
        var layout = new UnitLayout("probe", "probe", [("w", "w.weight", [workers.Threads > 4 ? Rows : Rows / 8, 4096])]);
        var precision = type == ElementType.Float32 ? StorePrecision.Fp32 : StorePrecision.Bf16;
        using var unit = new UnitState(layout, precision, optimizer.DescribeState(layout));
        using var gradient = new HostBuffer(layout.ElementCount * type.ByteSize());
        foreach (var buffer in unit.Buffers) buffer.Touch(workers);
        gradient.Touch(workers);
        var best = double.MaxValue;
        for (var i = 1; i <= 6; i++)
        {
            var start = Stopwatch.GetTimestamp();
            optimizer.Update(unit, new HostGradientView(gradient.Address, type, layout.ElementCount), new OptimizerStep(i, 1e-5, 1f), workers);
            best = Math.Min(best, Stopwatch.GetElapsedTime(start).TotalSeconds);
        }

        report.Say($"host AdamW alone: {layout.ElementCount / best / 1e9:F2} G parameters/s on {workers.Threads} threads");
        return layout.ElementCount / best;
    }

    // Zeros would multiply faster than real numbers do.
    private static Tensor Random(IComputeDevice device, ScalarType type, params long[] shape) =>
        randn(shape, dtype: type, device: device.TorchDevice).TimesInPlace(0.05).DetachFromDisposeScope();

    private static Task Free(IComputeDevice device, params Tensor[] tensors) => device.Lane.RunAsync(() =>
    {
        foreach (var tensor in tensors) tensor.Dispose();
    });
}

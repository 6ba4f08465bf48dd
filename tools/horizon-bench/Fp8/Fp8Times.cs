using Horizon.Flow.Devices;
using Horizon.Flow.Host.Memory;
using Horizon.Flow.Models;
using Horizon.Flow.Models.Fp8;
using Horizon.Flow.Units;
using static TorchSharp.torch;

namespace Horizon.Flow.Bench;

/// <summary>Times of what a layer in fp8 is made of, and of the layer, beside bf16.</summary>
internal static class Fp8Times
{
    public static async Task RunAsync(IComputeDevice device, ModelConfig config, int batch, int sequence, TimeSpan limit, Report report)
    {
        var bench = new KernelBench(device, report, limit);
        await bench.CopyAsync();
        var operators = device.Operators.Fp8 ?? throw new HorizonException($"{device.Name} has no products in fp8");
        long tokens = (long)batch * sequence, hidden = config.HiddenSize, inner = config.IntermediateSize;
        var scalings = new List<Fp8Scaling>();
        foreach (var scaling in Enum.GetValues<Fp8Scaling>())
        {
            if (await device.Lane.RunAsync(() => operators.Refusal(new Fp8Options { Scaling = scaling })) is { } refusal) report.Say($"scales by {scaling}: {refusal}");
            else scalings.Add(scaling);
        }

        foreach (var scaling in scalings)
        {
            foreach (var (straight, transposed) in new[] { (true, false), (false, true), (true, true) })
            {
                var copies = (straight ? 1 : 0) + (transposed ? 1 : 0);
                await bench.TimeAsync($"cast of [{tokens}, {inner}] by {scaling}, {(straight ? "straight" : "")}{(copies == 2 ? " and " : "")}{(transposed ? "transposed" : "")}", (2.0 + copies) * tokens * inner, 0, () =>
                {
                    var x = bench.Random(tokens, inner);
                    return () => operators.Quantize(x, new(Fp8Format.E4M3, scaling, false, straight, transposed));
                });
            }
        }

        await bench.TimeAsync($"cast of [{tokens}, {inner}] by tensor with its maximum given, both", 4.0 * tokens * inner, 0, () =>
        {
            var (x, maximum) = (bench.Random(tokens, inner), zeros([1], int32, device.TorchDevice).FillInPlace(1082130432)); // the bits of 4
            return () => operators.Quantize(x, new(Fp8Format.E4M3, Fp8Scaling.Tensor, false, true, true), maximum);
        });
        await ProductsAsync(bench, device, config, tokens, scalings);
        var model = ModelFamilies.Define(config);
        await LayerAsync(device, model, "bf16", batch, sequence, limit, report);
        foreach (var scaling in scalings) await LayerAsync(device, model.WithFp8(new Fp8Options { Scaling = scaling }), $"fp8 by {scaling}", batch, sequence, limit, report);
        await LayerAsync(device, model.WithFp8(new Fp8Options { Fp8Tapes = true }), "fp8 by tensor, tapes in fp8", batch, sequence, limit, report);
        await LayerAsync(device, model.WithFp8(new Fp8Options { FastGradients = true }), "fp8 by tensor, fast gradients", batch, sequence, limit, report);
    }

    private static async Task ProductsAsync(KernelBench bench, IComputeDevice device, ModelConfig config, long tokens, List<Fp8Scaling> scalings)
    {
        var operators = device.Operators.Fp8!;
        long heads = (config.HeadCount + (2L * config.KeyValueHeadCount)) * config.HeadDimension, hidden = config.HiddenSize, inner = config.IntermediateSize;
        foreach (var (name, outputs, inputs) in new[] { ("q, k, v", heads, hidden), ("output", hidden, (long)config.HeadCount * config.HeadDimension), ("gate, up", 2 * inner, hidden), ("down", hidden, inner) })
        {
            var flops = 2.0 * tokens * outputs * inputs;
            foreach (var (part, m, n, k) in new[] { ("forward", tokens, outputs, inputs), ("input gradient", tokens, inputs, outputs), ("weight gradient", outputs, inputs, tokens) })
            {
                await bench.TimeAsync($"{name}, {part}, bf16", 0, flops, () =>
                {
                    var (a, b) = (bench.Random(m, k), bench.Random(n, k));
                    return () => a.mm(b.t());
                });
                foreach (var scaling in scalings)
                {
                    foreach (var fast in scaling == Fp8Scaling.Block ? [false] : new[] { true, false })
                    {
                        await bench.TimeAsync($"{name}, {part}, fp8 by {scaling}{(fast ? ", fast" : "")}", 0, flops, () =>
                        {
                            Fp8Matrix Of(long rows, Fp8Format format, bool isWeight) => operators.Quantize(bench.Random(rows, k), new(format, scaling, isWeight, true, false)).Straight!;
                            var (a, b) = (Of(m, part == "forward" ? Fp8Format.E4M3 : Fp8Format.E5M2, false), Of(n, Fp8Format.E4M3, part != "weight gradient"));
                            return () => operators.Multiply(a, b, empty([m, n], bfloat16, device.TorchDevice), fast: fast);
                        });
                    }
                }
            }
        }
    }

    private static Task LayerAsync(IComputeDevice device, ModelDefinition model, string name, int batch, int sequence, TimeSpan limit, Report report) => report.Part(name, limit, async () =>
    {
        var (unit, template) = model.Hidden[1];
        var layout = model.Units[unit];
        using var weights = device.Allocate(layout.ElementCount, ElementType.BFloat16);
        using var gradients = device.Allocate(layout.ElementCount, ElementType.BFloat16);
        using var views = new ParameterViews(weights.Flat, layout);
        using var gradientViews = new ParameterViews(gradients.Flat, layout);
        var (data, input, output) = await device.Lane.RunAsync(() =>
        {
            weights.Flat.normal_(0, 0.02);
            Tensor Random() => randn([batch, sequence, model.HiddenSize], bfloat16, device.TorchDevice).DetachFromDisposeScope();
            Tensor Ids() => zeros([batch, sequence], int64, device.TorchDevice).DetachFromDisposeScope();
            var positions = TensorArithmetic.Range(sequence, device: device.TorchDevice).unsqueeze(0).expand(batch, sequence).contiguous().DetachFromDisposeScope();
            return (new DeviceBatch(Ids(), Ids(), positions, null, operators: device.Operators), Random(), Random());
        });
        var flops = 2.0 * layout.ElementCount * batch * sequence;
        var forward = await Stopclock.TimeAsync(device, () => template.Forward(views, input, data), 0.3, 3);
        var both = await Stopclock.TimeAsync(device, () =>
        {
            using var tape = template.Recompute(views, input, data);
            tape.Backward(output, gradientViews)?.Dispose();
        }, 0.3, 3);
        report.Say($"layer, {name}: forward {forward * 1e3:F2} ms ({flops / forward / 1e12:F0} TFLOP/s), recompute and backward {both * 1e3:F2} ms ({3 * flops / both / 1e12:F0} TFLOP/s)");
        await device.Lane.RunAsync(() =>
        {
            input.Dispose();
            output.Dispose();
            data.Dispose();
        });
    });
}

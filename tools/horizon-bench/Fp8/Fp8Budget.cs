using Horizon.Flow.Devices;
using Horizon.Flow.Models;
using Horizon.Flow.Units;
using static TorchSharp.torch;

namespace Horizon.Flow.Bench;

/// <summary>
/// What a layer with products in fp8, scales by tensor, spends beside products and attention: every kernel with its bytes and its time, and how often it runs in
/// forward, in forward computed again, and in backward.
/// </summary>
internal static class Fp8Budget
{
    public static async Task RunAsync(IComputeDevice device, ModelConfig config, int batch, int sequence, TimeSpan limit, Report report)
    {
        var bench = new KernelBench(device, report, limit);
        await bench.CopyAsync();
        var operators = device.Operators.Fp8 ?? throw new HorizonException($"{device.Name} has no products in fp8");
        long T = (long)batch * sequence, H = config.HiddenSize, F = config.IntermediateSize, Q = config.HeadCount, K = config.KeyValueHeadCount, D = config.HeadDimension;
        long C = Q * D, N = (Q + (2 * K)) * D, W = (N * H) + (C * H) + (3 * F * H);
        var (forward, again, backward) = (0.0, 0.0, 0.0);
        Fp8Cast Cast(bool straight, bool transposed, Fp8Format format = Fp8Format.E4M3, bool isWeight = false) => new(format, Fp8Scaling.Tensor, isWeight, straight, transposed);

        async Task Kernel(string name, double bytes, (int Forward, int Again, int Backward) times, Func<Action> prepare)
        {
            var seconds = await bench.TimeAsync(name, bytes, 0, prepare);
            (forward, again, backward) = (forward + (times.Forward * seconds), again + (times.Again * seconds), backward + (times.Backward * seconds));
            report.Say($"    {bytes / 1e9:F2} GB; {times.Forward} in forward, {times.Again} computed again, {times.Backward} in backward");
        }

        Task Norm(string name, bool added, bool transposed, (int, int, int) times) =>
            Kernel(name, T * H * ((added ? 6 : 2) + 2 + (transposed ? 2 : 1)), times, () =>
            {
                var (x, other, weight) = (bench.Random(T, H), added ? bench.Random(T, H) : null, bench.Random(H));
                return () => operators.Norm(x, other, weight, 1e-6, Cast(true, transposed));
            });

        Task Quantize(string name, long rows, long columns, Fp8Cast cast, bool known, (int, int, int) times) =>
            Kernel(name, rows * columns * ((known ? 2.0 : 4.0) + (cast.Straight ? 1 : 0) + (cast.Transposed ? 1 : 0)), times, () =>
            {
                var (x, maximum) = (bench.Random(rows, columns), known ? zeros([1], int32, device.TorchDevice).FillInPlace(1_084_227_584) : null); // the bits of 5
                return () => operators.Quantize(x, cast, maximum);
            });

        await Norm("first norm to fp8", false, false, (1, 0, 0));
        await Norm("first norm to fp8, transposed too", false, true, (0, 1, 0));
        await Kernel("heads turned", 4.0 * T * (Q + K) * D, (1, 1, 0), () =>
        {
            var (heads, cosine, sine) = (bench.Random(T, Q + (2 * K), D), bench.Random(T, 1, D), bench.Random(T, 1, D));
            return () => device.Operators.Rotate(heads, Q + K, cosine, sine, backwards: false);
        });
        await Quantize("attention's output to fp8, its maximum first", T, C, Cast(true, false), false, (1, 0, 0));
        await Quantize("attention's output to fp8, its maximum first, transposed too", T, C, Cast(true, true), false, (0, 1, 0));
        await Norm("sum and second norm to fp8", true, false, (1, 0, 0));
        await Norm("sum and second norm to fp8, transposed too", true, true, (0, 1, 0));
        await Kernel("gate", 6.0 * T * F, (1, 0, 0), () =>
        {
            var both = bench.Random(T, 2 * F);
            return () => operators.Gate(both, out _);
        });
        await Kernel("gate, held (of a kept layer, for the line above)", 8.0 * T * F, (0, 0, 0), () =>
        {
            var both = bench.Random(T, 2 * F);
            return () => operators.GateAndHold(both, out _, out _);
        });
        await Quantize("gate's output to fp8", T, F, Cast(true, false), true, (1, 0, 0));
        await Kernel("residual", 6.0 * T * H, (1, 0, 0), () =>
        {
            var (x, y) = (bench.Random(T, H), bench.Random(T, H));
            return () => x.AddInPlace(y);
        });
        await Quantize("gradient of the output to fp8, its maximum first", T, H, Cast(true, true, Fp8Format.E5M2), false, (0, 0, 1));
        foreach (var source in new[] { "bf16", "bf16 as held", "fp8 (of a kept layer, for the line above)" })
        {
            var held = source.StartsWith("fp8", StringComparison.Ordinal);
            await Kernel($"gate's backward from {source}", (held ? 13.0 : 17.0) * T * F, (0, 0, source == "bf16 as held" ? 1 : 0), () =>
            {
                var (both, gradient) = (bench.Random(T, 2 * F), bench.Random(T, F));
                var (ofGated, ofBoth) = (Cast(false, true), Cast(true, true, Fp8Format.E5M2));
                if (!held) return () => operators.GateBackward(gradient, both, source != "bf16", ofGated, ofBoth);
                var kept = operators.Quantize(both, Fp8Cast.Held).Straight!;
                return () => operators.GateBackward(gradient, kept, ofGated, ofBoth);
            });
        }

        await Kernel("norm's backward", 8.0 * T * H, (0, 0, 2), () =>
        {
            var (x, gradient, other, weight) = (bench.Random(T, H), bench.Random(T, H), bench.Random(T, H), bench.Random(H));
            var (inverse, weightGradient) = (rand(T, 1, device: device.TorchDevice), bench.Random(H));
            return () => operators.NormBackward(gradient, x, weight, inverse, other, weightGradient, out _);
        });
        await Quantize("gradient of the residual to fp8", T, H, Cast(true, true, Fp8Format.E5M2), true, (0, 0, 1));
        await Kernel("attention's gradients joined and turned", 4.0 * T * N, (0, 0, 1), () =>
        {
            var (query, key, value, cosine, sine) = (bench.Random(T, Q, D), bench.Random(T, K, D), bench.Random(T, K, D), bench.Random(T, 1, D), bench.Random(T, 1, D));
            return () => operators.JoinHeads(query, key, value, cosine, sine, out _);
        });
        await Quantize("gradient of the heads to fp8", T, N, Cast(true, true, Fp8Format.E5M2), true, (0, 0, 1));
        await Kernel("gradient of their bias", 2.0 * T * N, (0, 0, 1), () =>
        {
            var x = bench.Random(T, N);
            return () => x.sum([0]);
        });
        await Quantize("all weights to fp8, their maximum first", W / H, H, Cast(true, false, isWeight: true), false, (1, 0, 0));
        await Quantize("all weights but down's to fp8, their maximum first", (W / H) - F, H, Cast(true, false, isWeight: true), false, (0, 1, 0));
        await Quantize("all weights to fp8 transposed, their maximum first", W / H, H, Cast(false, true, isWeight: true), false, (0, 0, 1));
        report.Say($"beside products and attention: forward {forward * 1e3:F2} ms, computed again {again * 1e3:F2} ms, backward {backward * 1e3:F2} ms");
    }
}

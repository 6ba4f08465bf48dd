using Horizon.Flow.Devices;
using Horizon.Flow.Units;
using static TorchSharp.torch;

namespace Horizon.Flow.Bench;

/// <summary>The device's fp8 against libtorch's operators: operands to the bit, products to bf16's rounding.</summary>
internal static class Fp8Check
{
    public static async Task RunAsync(IComputeDevice device, TimeSpan limit, Report report)
    {
        foreach (var scaling in Enum.GetValues<Fp8Scaling>())
        {
            string? refusal = null;
            await report.Part($"{scaling}", limit, () => device.Lane.RunAsync(() => { refusal = Operators(device).Refusal(new Fp8Options { Scaling = scaling }); }));
            if (refusal is not null) report.Check($"products with scales by {scaling}", false, refusal);
            foreach (var format in Enum.GetValues<Fp8Format>())
            {
                foreach (var (rows, columns) in new (long, long)[] { (1, 128), (5, 128), (300, 384), (1000, 1152), (4096, 3584), (129, 256) })
                {
                    await report.Part($"cast {scaling} {format} {rows} x {columns}", limit, () => device.Lane.RunAsync(() => Cast(device, new(format, scaling, false, true, true), rows, columns, report)));
                    if (scaling == Fp8Scaling.Block && format == Fp8Format.E4M3)
                        await report.Part($"cast squares {rows} x {columns}", limit, () => device.Lane.RunAsync(() => Cast(device, new(format, scaling, true, true, true), rows, columns, report)));
                    if (refusal is null)
                        await report.Part($"product {scaling} {format} {rows} x {columns}", limit, () => device.Lane.RunAsync(() => Product(device, scaling, format, rows, columns, report)));
                }
            }
        }

        await report.Part("fused", limit, () => device.Lane.RunAsync(() => Fused(device, report)));
    }

    private static IFp8Operators Operators(IComputeDevice device) => device.Operators.Fp8 ?? throw new HorizonException($"{device.Name} has no products in fp8");

    private static void Cast(IComputeDevice device, Fp8Cast cast, long rows, long columns, Report report)
    {
        var x = Numbers(device, rows, columns);
        var (expected, found) = (new EagerOperators().Fp8!.Quantize(x, cast), Operators(device).Quantize(x, cast));
        var one = Operators(device).Quantize(x, cast with { Straight = false });
        var differ = Differ(expected.Straight!, found.Straight!) + Differ(expected.Transposed!, found.Transposed!) + Differ(expected.Transposed!, one.Transposed!);
        report.Check($"cast {cast.Scaling}{(cast.IsWeight ? " of a weight" : "")} {cast.Format} {rows} x {columns}", differ == 0, $"{differ} numbers and scales differ");
    }

    private static long Differ(Fp8Matrix expected, Fp8Matrix found) =>
        expected.Values.to(float32).ne(found.Values.to(float32)).sum().item<long>() + expected.Scales.ne(found.Scales).sum().item<long>();

    // All three products that a layer has: forward with its bias, and both gradients.
    private static void Product(IComputeDevice device, Fp8Scaling scaling, Fp8Format format, long rows, long columns, Report report)
    {
        var operators = Operators(device);
        const long Outputs = 256;
        var (x, weight, gradient, bias) = (Numbers(device, rows, columns), Numbers(device, Outputs, columns), Numbers(device, rows, Outputs), Numbers(device, 1, Outputs).flatten());
        Fp8Pair Round(Tensor matrix, Fp8Format of, bool isWeight) => operators.Quantize(matrix, new(of, scaling, isWeight, true, true));
        var (left, right, back) = (Round(x, Fp8Format.E4M3, false), Round(weight, Fp8Format.E4M3, true), Round(gradient, format, false));
        foreach (var (name, a, b, add, fast) in new (string, Fp8Matrix, Fp8Matrix, Tensor?, bool)[]
        {
            ("forward", left.Straight!, right.Straight!, bias, false), ("forward, fast", left.Straight!, right.Straight!, bias, true),
            ("input gradient", back.Straight!, right.Transposed!, null, false), ("weight gradient", back.Transposed!, left.Transposed!, null, false),
        })
        {
            Tensor Run(IFp8Operators by)
            {
                var output = empty([a.Values.shape[0], b.Values.shape[0]], bfloat16, device.TorchDevice).FillInPlace(float.NaN);
                by.Multiply(a, b, output, add, fast);
                return output;
            }

            var (expected, found, again) = (Run(new EagerOperators().Fp8!), Run(operators), Run(operators));
            var error = ((found.to(float64) - expected.to(float64)).norm() / expected.to(float64).norm()).item<double>();
            report.Check($"product {scaling} {format} {rows} x {columns}, {name}", error < (fast ? 2e-2 : 6e-3) && found.eq(again).all().item<bool>(), FormattableString.Invariant($"relative {error:E1}"));
        }
    }

    // What kernels do at once, against the separate operators.
    private static void Fused(IComputeDevice device, Report report)
    {
        var operators = Operators(device);
        var cast = new Fp8Cast(Fp8Format.E4M3, Fp8Scaling.Tensor, false, true, true);
        foreach (var (rows, width) in new (long, long)[] { (1, 16), (7, 48), (300, 384), (129, 256), (2000, 3584) })
        {
            var (x, added, weight) = (Numbers(device, rows, width), Numbers(device, rows, width), Numbers(device, 1, width).flatten());
            var (plain, norm) = (device.Operators.Norm(x, added, weight, 1e-6), operators.Norm(x, added, weight, 1e-6, cast));
            var expected = operators.Quantize(plain.Output, cast);
            var again = operators.NormAgain(norm.Sum, norm.Inverse, weight, norm.Maximum, cast);
            Report($"norm {rows} x {width}", Differ(expected, norm.Output) + Differ(expected, again) + Differ(plain.Sum, norm.Sum) + Differ(plain.Inverse, norm.Inverse), norm.Maximum);
            var dNorm = operators.NormBackward(x, norm.Sum, weight, norm.Inverse, added, null, out var maximum);
            Same($"norm backward {rows} x {width}", dNorm, maximum, device.Operators.NormBackward(x, norm.Sum, weight, norm.Inverse, added, null));
            var both = Numbers(device, rows, 2 * width);
            Same($"gate {rows} x {width}", operators.Gate(both, out maximum), maximum, device.Operators.Gate(both));
            if (width % Fp8Matrix.Block == 0)
            {
                Same($"gate that holds {rows} x {width}", operators.GateAndHold(both, out maximum, out var held), maximum, device.Operators.Gate(both));
                Report($"held gate and up {rows} x {width}", Differ(operators.Quantize(both, Fp8Cast.Held).Straight!, held), maximum);
            }

            foreach (var format in Enum.GetValues<Fp8Format>())
            {
                foreach (var weights in new[] { true, false }) GateBackward(format, weights, both, Numbers(device, rows, width));
            }
        }

        foreach (var (tokens, queries, keys, width) in new (long, long, long, long)[] { (1, 1, 1, 16), (33, 6, 2, 64), (1000, 28, 4, 128) })
        {
            Tensor Heads(long count) => Numbers(device, tokens, count * width).view(tokens, count, width);
            var (query, key, value, cosine, sine) = (Heads(queries), Heads(keys), Heads(keys), Heads(1), Heads(1));
            var expected = cat([query, key, value], 1);
            device.Operators.Rotate(expected, queries + keys, cosine, sine, backwards: true);
            Same($"heads {tokens} x {queries} + 2 x {keys}", operators.JoinHeads(query, key, value, cosine, sine, out var maximum).flatten(1), maximum, expected.flatten(1));
            Report($"heads {tokens} x {queries} + 2 x {keys} in bf16", Differ(expected, device.Operators.JoinHeads(query, key, value, cosine, sine)), maximum);
        }

        void GateBackward(Fp8Format format, bool weights, Tensor both, Tensor gradient)
        {
            Fp8Cast? ofGated = weights ? cast with { Straight = false } : null;
            var ofBoth = cast with { Format = format, Transposed = weights };
            var (rows, width) = (gradient.shape[0], gradient.shape[1]);
            foreach (var source in width % Fp8Matrix.Block == 0 ? ["bf16", "as held", "held"] : new[] { "bf16" })
            {
                using var held = source == "bf16" ? null : operators.Quantize(both, Fp8Cast.Held).Straight;
                var (gated, found) = source == "held" ? operators.GateBackward(gradient.clone(), held!, ofGated, ofBoth)
                    : operators.GateBackward(gradient.clone(), both.clone(), source == "as held", ofGated, ofBoth);
                var (dGate, wide) = (gradient.clone(), held?.Widen(bfloat16) ?? both.clone());
                device.Operators.GateBackward(dGate, wide);
                var differ = Differ(operators.Quantize(wide, ofBoth), found);
                if (weights) differ += Differ(operators.Quantize(dGate, ofGated!.Value).Transposed!, gated!.Transposed!);
                report.Check($"gate backward, {source}, {format} {rows} x {width}{(weights ? "" : ", no weights")}", differ == 0 && (gated is null) == !weights, $"{differ} numbers and scales differ");
            }
        }

        void Same(string name, Tensor found, Tensor? maximum, Tensor expected) =>
            Report(name, Differ(expected, found) + Differ(operators.Quantize(expected, cast), operators.Quantize(found, cast, maximum)), maximum);

        void Report(string name, long differ, Tensor? maximum) =>
            report.Check($"{name}, and its maximum", maximum is not null && differ == 0, maximum is null ? "was not found" : $"{differ} numbers and scales differ");
    }

    private static long Differ(Fp8Pair expected, Fp8Pair found) =>
        Differ(expected.Straight!, found.Straight!) + (expected.Transposed is { } transposed ? Differ(transposed, found.Transposed!) : 0);

    private static long Differ(Tensor expected, Tensor found) => expected.ne(found).sum().item<long>();

    private static Tensor Numbers(IComputeDevice device, long rows, long columns) =>
        (randn([rows, columns], device: device.TorchDevice) * randn([rows, 1], device: device.TorchDevice).exp()).to(bfloat16);
}

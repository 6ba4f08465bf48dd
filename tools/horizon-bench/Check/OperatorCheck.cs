using Horizon.Flow.Devices;
using Horizon.Flow.Units;
using static TorchSharp.torch;

namespace Horizon.Flow.Bench;

/// <summary>Each operator between matrix products: the device's in bf16 against eager ones in fp32 on the CPU, from the same bf16 numbers.</summary>
internal static class OperatorCheck
{
    private const double Tolerance = 6e-3; // some roundings to bf16, of 2^-9 each

    public static async Task RunAsync(IComputeDevice device, TimeSpan limit, Report report)
    {
        foreach (var (rows, width) in new (long, long)[] { (5, 8), (67, 88), (300, 3584), (1000, 264), (9, 37), (3, 20_000) })
        {
            await report.Part($"norm {rows} x {width}", limit, () => device.Lane.RunAsync(() => Norm(device, rows, width, report)));
            await report.Part($"gate {rows} x {width}", limit, () => device.Lane.RunAsync(() => Gate(device, rows, width, report)));
            await report.Part($"cross-entropy {rows} x {width}", limit, () => device.Lane.RunAsync(() => Loss(device, rows, width, report)));
        }

        foreach (var (heads, turned, width) in new (long, long, long)[] { (3, 2, 16), (36, 32, 128), (5, 4, 64), (4, 3, 24), (3, 2, 6) })
            await report.Part($"rotation {heads} x {width}", limit, () => device.Lane.RunAsync(() => Rotation(device, heads, turned, width, report)));
    }

    private static void Norm(IComputeDevice device, long rows, long width, Report report)
    {
        var (x, added, gradient, weight) = (Numbers(rows, width), Numbers(rows, width), Numbers(rows, width), Numbers(width));
        foreach (var with in new[] { false, true })
        {
            Tensor[] Run(IUnitOperators operators, Func<Tensor, Tensor> place)
            {
                var (a, b, g, w) = (place(x), with ? place(added) : null, place(gradient), place(weight));
                var norm = operators.Norm(a, b, w, 1e-6);
                var weightGradient = empty_like(w).FillInPlace(float.NaN);
                var result = operators.NormBackward(g, norm.Sum, w, norm.Inverse, b, weightGradient);
                var frozen = operators.NormBackward(g, norm.Sum, w, norm.Inverse, b, null);
                return [norm.Sum, norm.Output, norm.Inverse, result, weightGradient, frozen];
            }

            Compare($"norm {rows} x {width}{(with ? " of a sum" : "")}", device, Run, report);
        }
    }

    private static void Gate(IComputeDevice device, long rows, long width, Report report)
    {
        var (both, gradient) = (Numbers(rows, 2 * width), Numbers(rows, width));
        Compare($"gate {rows} x {width}", device, (operators, place) =>
        {
            var mine = place(both);
            var (output, product) = (operators.Gate(mine), place(gradient).clone());
            operators.GateBackward(product, mine);
            return [output, mine, product];
        }, report);
    }

    private static void Loss(IComputeDevice device, long rows, long width, Report report)
    {
        var logits = Numbers(rows, width).Times(4);
        var labels = randint(width, [rows], dtype: int64);
        foreach (var smoothing in new[] { 0, 0.1 })
        {
            Compare($"cross-entropy {rows} x {width}{(smoothing > 0 ? ", smoothed" : "")}", device, (operators, place) =>
            {
                var (gradient, losses) = operators.CrossEntropy(place(logits), labels.to(place(logits).device), 0.25, smoothing);
                var (_, alone) = operators.CrossEntropy(place(logits), labels.to(losses.device), null, smoothing);
                return [gradient!, losses, alone];
            }, report);
        }
    }

    private static void Rotation(IComputeDevice device, long heads, long turned, long width, Report report)
    {
        var (x, angle) = (Numbers(77, heads, width), randn(77, 1, width / 2));
        var (cosine, sine) = (cat([angle.cos(), angle.cos()], -1).bfloat16().to(float32), cat([-angle.sin(), angle.sin()], -1).bfloat16().to(float32));
        foreach (var backwards in new[] { false, true })
        {
            Compare($"rotation {heads} x {width}{(backwards ? " backwards" : "")}", device, (operators, place) =>
            {
                var mine = place(x);
                operators.Rotate(mine, turned, place(cosine), place(sine), backwards);
                return [mine];
            }, report);
        }
    }

    // fp32 numbers that bf16 has exactly.
    private static Tensor Numbers(params long[] shape) => randn(shape).bfloat16().to(float32);

    private static void Compare(string name, IComputeDevice device, Func<IUnitOperators, Func<Tensor, Tensor>, Tensor[]> run, Report report)
    {
        var expected = run(new EagerOperators(), x => x.clone());
        var found = run(device.Operators, x => x.to(bfloat16).to(device.TorchDevice));
        var again = run(device.Operators, x => x.to(bfloat16).to(device.TorchDevice));
        var errors = expected.Zip(found).Select(pair => Error(pair.First, pair.Second.to(float32).cpu())).ToList();
        var same = found.Zip(again).All(pair => pair.First.eq(pair.Second).all().item<bool>());
        report.Check($"operator {name}", same && errors.TrueForAll(error => error <= Tolerance),
            $"relative {string.Join(", ", errors.Select(error => error.ToString("E1", System.Globalization.CultureInfo.InvariantCulture)))}{(same ? "" : "; other bits the second time")}");
    }

    private static double Error(Tensor expected, Tensor found) =>
        ((found - expected.view(found.shape)).to(float64).norm() / expected.to(float64).norm().Plus(1e-12)).item<double>();
}

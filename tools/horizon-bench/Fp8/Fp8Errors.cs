using Horizon.Flow.Devices;
using Horizon.Flow.Units;
using static TorchSharp.torch;

namespace Horizon.Flow.Bench;

/// <summary>How far products lie from those of fp64, by scaling: of even numbers, and of some whose columns or rows are a hundred times as large.</summary>
internal static class Fp8Errors
{
    private const long Rows = 512, Inner = 1024, Columns = 512;

    public static Task RunAsync(IComputeDevice device, TimeSpan limit, Report report) => report.Part("errors", limit, () => device.Lane.RunAsync(() =>
    {
        foreach (var (name, change) in new (string, Action<Tensor>)[]
        {
            ("normal numbers", _ => { }), ("8 columns of x 100 times as large", x => x.narrow(1, 40, 8).TimesInPlace(100)), ("8 rows of x 100 times as large", x => x.narrow(0, 40, 8).TimesInPlace(100)),
            ("x over 2^-12 to 1", x => x.mul_(rand([Rows, Inner], device: x.device).Times(-12 * Math.Log(2)).exp())),
        })
        {
            manual_seed(1);
            var (x, weight) = (randn([Rows, Inner], device: device.TorchDevice), randn([Columns, Inner], device: device.TorchDevice).TimesInPlace(0.02).to(bfloat16));
            change(x);
            x = x.to(bfloat16);
            var exact = x.to(float64).mm(weight.to(float64).t());
            double Error(Tensor found) => ((found.to(float64) - exact).norm() / exact.norm()).item<double>();
            // Each row beside its own size: what is small among larger ones.
            double ByRow(Tensor found) => ((found.to(float64) - exact).norm(1) / exact.norm(1)).mean().item<double>();
            var plain = x.mm(weight.t());
            report.Say($"{name}: bf16 {Error(plain):P2} (by row {ByRow(plain):P2})");
            foreach (var scaling in Enum.GetValues<Fp8Scaling>())
            {
                foreach (var format in Enum.GetValues<Fp8Format>())
                {
                    var operators = device.Operators.Fp8!;
                    if (operators.Refusal(new Fp8Options { Scaling = scaling }) is not null) operators = new EagerOperators().Fp8!;
                    var left = operators.Quantize(x, new(format, scaling, false, true, false)).Straight!;
                    var right = operators.Quantize(weight, new(Fp8Format.E4M3, scaling, true, true, false)).Straight!;
                    foreach (var fast in new[] { false, true })
                    {
                        var output = empty_like(plain);
                        operators.Multiply(left, right, output, fast: fast);
                        report.Say($"  {scaling} {format}{(fast ? ", fast sums" : "")}: {Error(output):P2} (by row {ByRow(output):P2})");
                    }
                }
            }
        }
    }));
}

using Horizon.Flow.Host.Gradients;
using Horizon.Flow.Host.Memory;
using Horizon.Flow.Host.Optimizers;
using Horizon.Flow.Host.Store;
using Horizon.Flow.Host.Workers;
using Horizon.Flow.Testing;
using Horizon.Flow.Units;
using static TorchSharp.torch;

namespace Horizon.Examples.Tests;

public class CustomOptimizerTests
{
    [Fact]
    public async Task RunAsync_BothWays_LearnAndAgree()
    {
        var shown = await CustomOptimizerExample.RunAsync(TextWriter.Null);
        Assert.True(shown.Mixed.IsBitwise(shown.MixedByBlock));
        Assert.True(shown.Mixed.LastLoss < 0.8 * shown.Mixed.Reports[0].Loss);
        Assert.True(shown.Signs.LastLoss < 0.8 * shown.Signs.Reports[0].Loss);
    }

    [Fact]
    public async Task SignDescent_OneStep_MovesEachParameterAgainstItsGradientsSign()
    {
        var shown = await CustomOptimizerExample.RunAsync(TextWriter.Null, steps: 1);
        var initial = DenseParameters.Initial();
        using var scope = NewDisposeScope();
        var parameters = DenseParameters.Of(initial);
        foreach (var parameter in parameters.Values) parameter.requires_grad_();
        var batch = Tiny.Steps(1).Single()[0];
        new DenseModel(Tiny.Config, parameters).LossSum(batch.InputIds, batch.Targets, batch.Positions, null, batch.Rows, batch.SequenceLength).backward();

        var after = DenseParameters.Of(shown.Signs.Parameters);
        foreach (var (name, parameter) in parameters)
        {
            var clear = parameter.grad!.abs().With(1e-3, (x, bound) => x.gt(bound)); // nearer to zero the sign is rounding's
            var moved = (after[name] - parameter.detach())[clear];
            Assert.True(clear.any().item<bool>());
            Assert.True(moved.allclose(parameter.grad![clear].sign().Times(-3e-3), rtol: 0, atol: 1e-6));
        }
    }

    [Theory]
    [InlineData(StorePrecision.Fp32)]
    [InlineData(StorePrecision.Bf16)]
    public void AdEMAMix_ManySteps_EqualsTheFormula(StorePrecision precision)
    {
        const int count = 1000;
        var random = new Random(3);
        var layout = new UnitLayout("unit", "unit", [("weight", "weight", [count])]);
        var optimizer = new AdEMAMix();
        using var unit = new UnitState(layout, precision, optimizer.DescribeState(layout));
        using var workers = new HostWorkers(2);
        using var slab = new HostBuffer(count * sizeof(float));
        double[] p = [.. Enumerable.Range(0, count).Select(_ => (double)(float)(random.NextDouble() - 0.5))], m1 = new double[count], m2 = new double[count], v = new double[count];
        unit.WriteMasters(0, [.. p.Select(value => (float)value)]);
        for (var t = 1; t <= 20; t++)
        {
            var gradient = slab.Span<float>(0, count);
            for (var i = 0; i < count; i++)
            {
                gradient[i] = (float)(random.NextDouble() - 0.5);
                var g = 0.5 * gradient[i];
                m1[i] = (0.9 * m1[i]) + (0.1 * g);
                m2[i] = (0.99 * m2[i]) + (0.01 * g);
                v[i] = (0.95 * v[i]) + (0.05 * g * g);
                var step = ((m1[i] / (1 - Math.Pow(0.9, t))) + (2 * m2[i])) / (Math.Sqrt(v[i] / (1 - Math.Pow(0.95, t))) + 1e-8);
                p[i] -= 1e-3 * (step + (0.1 * p[i]));
            }

            optimizer.Update(unit, new HostGradientView(slab.Address, ElementType.Float32, count), new OptimizerStep(t, 1e-3, 0.5f), workers);
        }

        var trained = new float[count];
        unit.ReadMasters(0, trained);
        Assert.All(p.Zip(trained), pair => Assert.Equal(pair.First, pair.Second, 1e-5));
    }
}

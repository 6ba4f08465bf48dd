using Horizon.Flow.Devices;
using Horizon.Flow.Host.Memory;
using Horizon.Flow.Models;
using Horizon.Flow.Units;
using static TorchSharp.torch;

namespace Horizon.Flow.Bench;

/// <summary>One layer of each kind of unit: forward, and recomputation with backward, in time and numbers.</summary>
internal static class LayersCommand
{
    // What is compared: the output, the input's gradient and the parameters' gradients, all in one row of fp32 each.
    private sealed record Results(Tensor Output, Tensor InputGradient, Tensor Gradients);

    public static async Task RunAsync(string name, string shape, int batch, int sequence, TimeSpan limit, Report report)
    {
        using var device = ComputeDevice.Parse(name, report.Warn);
        foreach (var line in Machine.Describe()) report.Say($"{line}");
        report.Say($"device {device.Name}; {shape}, {batch} x {sequence} tokens, bf16");
        var model = ModelFamilies.Define(Shapes.Named(shape));
        foreach (var kind in model.Hidden.Index().Skip(1).GroupBy(layer => model.Units[layer.Item.Unit].Kind))
        {
            var binding = kind.First().Item;
            await report.Part(kind.Key, limit, () => LayerAsync(device, model, kind.Key, binding, batch, sequence, report));
        }
    }

    private static async Task LayerAsync(IComputeDevice device, ModelDefinition model, string kind, HiddenBinding binding, int batch, int sequence, Report report)
    {
        var (layout, template, tokens) = (model.Units[binding.Unit], binding.Template, (long)batch * sequence);
        using var weights = device.Allocate(layout.ElementCount, ElementType.BFloat16);
        using var gradients = device.Allocate(layout.Trained.ElementCount, ElementType.BFloat16);
        var (views, gradientViews) = (new ParameterViews(weights.Flat, layout), new ParameterViews(gradients.Flat, layout.Trained));
        var flops = template.ForwardOperations(layout, sequence / 2.0) * tokens;
        var (input, outputGradient) = await device.Lane.RunAsync(() =>
        {
            weights.Flat.normal_(0, 0.02);
            Tensor Hidden() => randn([batch, sequence, model.HiddenSize], dtype: bfloat16, device: device.TorchDevice).DetachFromDisposeScope();
            return (Hidden(), Hidden());
        });
        var found = new List<Results>();
        var experts = kind.Contains("expert", StringComparison.Ordinal) && device.Operators.MultipliesGroups(bfloat16);
        var linear = kind.Contains("linear", StringComparison.Ordinal) && device.Operators.Delta is not null;
        List<(string Way, IUnitOperators Operators)> ways = [(linear ? "kernels" : experts ? "grouped" : "", device.Operators)];
        if (linear) ways.Add(("libtorch's operators", new PartialOperators(device.Operators, delta: false)));
        else if (experts) ways.Add(("one by one", new PartialOperators(device.Operators, groups: false)));
        foreach (var (way, operators) in ways)
        {
            using var data = await device.Lane.RunAsync(() => Batch(device, operators, batch, sequence));
            var label = way.Length == 0 ? kind : $"{kind}, {way}";
            var forward = await Stopclock.TimeAsync(device, () => template.Forward(views, input, data), 0.3, 3);
            var before = device.FreeMemoryBytes;
            var both = await Stopclock.TimeAsync(device, () =>
            {
                using var tape = template.Recompute(views, input, data);
                tape.Backward(outputGradient, gradientViews)?.Dispose();
            }, 0.3, 3);
            report.Say($"{label}: {layout.ElementCount / 1e6:F0} M parameters; forward {forward * 1e3:F2} ms, {flops / forward / 1e12:F0} TFLOP/s; recompute and backward {both * 1e3:F2} ms, {3 * flops / both / 1e12:F0} TFLOP/s; {(before - device.FreeMemoryBytes ?? 0) / 1e9:F1} GB more reserved");
            found.Add(await device.Lane.RunAsync(() => Once(template, views, gradientViews, input, outputGradient, data)));
            using var again = new Disposing(await device.Lane.RunAsync(() => Once(template, views, gradientViews, input, outputGradient, data)));
            report.Say($"{label}: the same bits again: {await device.Lane.RunAsync(() => Same(found[^1], again.Results))}");
        }

        if (found.Count == 2)
        {
            var (output, ofInput, ofParameters) = await device.Lane.RunAsync(() => (
                Distance(found[1].Output, found[0].Output), Distance(found[1].InputGradient, found[0].InputGradient), Distance(found[1].Gradients, found[0].Gradients)));
            report.Say($"{kind}: {ways[0].Way} from {ways[1].Way}, relative L2: output {output:E1}, input's gradient {ofInput:E1}, parameters' {ofParameters:E1}");
        }

        await device.Lane.RunAsync(() =>
        {
            foreach (var result in found) new Disposing(result).Dispose();
            input.Dispose();
            outputGradient.Dispose();
            views.Dispose();
            gradientViews.Dispose();
        });
    }

    private static Results Once(IUnitTemplate template, ParameterViews views, ParameterViews gradients, Tensor input, Tensor outputGradient, DeviceBatch data)
    {
        using var scope = NewDisposeScope();
        using var tape = template.Recompute(views, input, data);
        var output = tape.Output.clone(); // a written backward takes it apart
        var inputGradient = tape.Backward(outputGradient, gradients)!;
        return new(output.DetachFromDisposeScope(), inputGradient.DetachFromDisposeScope(), gradients.Flat.clone().DetachFromDisposeScope());
    }

    private static bool Same(Results one, Results other)
    {
        using var scope = NewDisposeScope();
        return new[] { (one.Output, other.Output), (one.InputGradient, other.InputGradient), (one.Gradients, other.Gradients) }.All(pair => pair.Item1.eq(pair.Item2).all().item<bool>());
    }

    private static double Distance(Tensor expected, Tensor given)
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var wanted = expected.to(float32);
        return (given.to(float32) - wanted).norm().item<float>() / wanted.norm().item<float>();
    }

    private static DeviceBatch Batch(IComputeDevice device, IUnitOperators operators, int batch, int sequence)
    {
        Tensor Ids() => zeros([batch, sequence], int64, device.TorchDevice).DetachFromDisposeScope();
        var positions = TensorArithmetic.Range(sequence, device: device.TorchDevice).unsqueeze(0).expand(batch, sequence).contiguous().DetachFromDisposeScope();
        return new DeviceBatch(Ids(), Ids(), positions, null, TensorArithmetic.Range((long)batch * sequence, device: device.TorchDevice).DetachFromDisposeScope(), operators);
    }

    private sealed class Disposing(Results results) : IDisposable
    {
        public Results Results => results;

        public void Dispose()
        {
            results.Output.Dispose();
            results.InputGradient.Dispose();
            results.Gradients.Dispose();
        }
    }
}

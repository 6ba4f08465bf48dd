using Horizon.Flow.Devices;
using Horizon.Flow.Host.Memory;
using Horizon.Flow.Models;
using Horizon.Flow.Units;
using static TorchSharp.torch;

namespace Horizon.Flow.Bench;

/// <summary>Whole units as the templates compute them: a layer, the embedding, the head.</summary>
internal static class LayerBench
{
    public static async Task RunAsync(IComputeDevice device, ModelConfig config, int batch, int sequence, TimeSpan limit, Report report)
    {
        var model = ModelFamilies.Define(config);
        foreach (var (name, layer) in new[] { ("embedding", 0), ("layer", 1) })
            await report.Part(name, limit, () => UnitAsync(device, model, name, layer, batch, sequence, report));
        await report.Part("head", limit, () => HeadAsync(device, model, Math.Min(batch, 8), sequence, report));
    }

    private static async Task UnitAsync(IComputeDevice device, ModelDefinition model, string name, int layer, int batch, int sequence, Report report)
    {
        var binding = model.Hidden[layer];
        var layout = model.Units[binding.Unit];
        using var weights = device.Allocate(layout.ElementCount, ElementType.BFloat16);
        using var gradients = device.Allocate(layout.ElementCount, ElementType.BFloat16);
        var (views, gradientViews) = (new ParameterViews(weights.Flat, layout), new ParameterViews(gradients.Flat, layout));
        var (data, input, outputGradient) = await PrepareAsync(device, model, weights, batch, sequence);
        var tokens = (long)batch * sequence;
        var flops = layer == 0 ? 0 : 2.0 * layout.ElementCount * tokens;
        var template = binding.Template;
        var forward = await Stopclock.TimeAsync(device, () => template.Forward(views, input, data), 0.3, 3);
        report.Say($"{name} forward: {forward * 1e3:F2} ms, {flops / forward / 1e12:F0} TFLOP/s");
        var before = device.FreeMemoryBytes;
        var both = await Stopclock.TimeAsync(device, () =>
        {
            using var tape = template.Recompute(views, input, data);
            tape.Backward(outputGradient, gradientViews)?.Dispose();
        }, 0.3, 3);
        report.Say($"{name} recompute and backward: {both * 1e3:F2} ms, {3 * flops / both / 1e12:F0} TFLOP/s; {(before - device.FreeMemoryBytes ?? 0) / 1e9:F1} GB more reserved");
        await device.Lane.RunAsync(() =>
        {
            input.Dispose();
            outputGradient.Dispose();
            data.Dispose();
            views.Dispose();
            gradientViews.Dispose();
        });
    }

    private static async Task HeadAsync(IComputeDevice device, ModelDefinition model, int batch, int sequence, Report report)
    {
        var layout = model.Units[model.Head.Unit];
        using var weights = device.Allocate(layout.ElementCount, ElementType.BFloat16);
        using var gradients = device.Allocate(layout.ElementCount, ElementType.BFloat16);
        var (views, gradientViews) = (new ParameterViews(weights.Flat, layout), new ParameterViews(gradients.Flat, layout));
        var (data, hidden, other) = await PrepareAsync(device, model, weights, batch, sequence);
        var tokens = (long)batch * sequence;
        var seconds = await Stopclock.TimeAsync(device, () =>
        {
            var result = model.Head.Template.Differentiate(views, gradientViews, hidden, data, 1e-4);
            result.LossSum.Dispose();
            result.InputGradient.Dispose();
        }, 0.3, 3);
        report.Say($"head, {tokens:N0} tokens, loss and gradients: {seconds * 1e3:F2} ms, {6.0 * model.VocabularySize * model.HiddenSize * tokens / seconds / 1e12:F0} TFLOP/s");
        await device.Lane.RunAsync(() =>
        {
            hidden.Dispose();
            other.Dispose();
            data.Dispose();
            views.Dispose();
            gradientViews.Dispose();
        });
    }

    private static Task<(DeviceBatch Data, Tensor Input, Tensor OutputGradient)> PrepareAsync(
        IComputeDevice device, ModelDefinition model, DeviceBuffer weights, int batch, int sequence) => device.Lane.RunAsync(() =>
    {
        weights.Flat.normal_(0, 0.02);
        Tensor Hidden() => randn([batch, sequence, model.HiddenSize], dtype: bfloat16, device: device.TorchDevice).DetachFromDisposeScope();
        Tensor Ids() => randint(model.VocabularySize, [batch, sequence], dtype: int64, device: device.TorchDevice).DetachFromDisposeScope();
        var positions = TensorArithmetic.Range(sequence, device: device.TorchDevice).unsqueeze(0).expand(batch, sequence).contiguous().DetachFromDisposeScope();
        var labelled = TensorArithmetic.Range((long)batch * sequence, device: device.TorchDevice).DetachFromDisposeScope();
        return (new DeviceBatch(Ids(), Ids(), positions, null, labelled), Hidden(), Hidden());
    });
}

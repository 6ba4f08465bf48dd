using Horizon.Flow.Devices;
using Horizon.Flow.Models;
using Horizon.Flow.Native;
using Horizon.Flow.Units;
using static TorchSharp.torch;

namespace Horizon.Flow.Bench;

// Letters: T tokens, B batch, S sequence, H hidden, F feed-forward width, Q query heads, K key/value heads, D head width, V vocabulary.

/// <summary>The operators of a layer and of the head, as the templates have them and otherwise.</summary>
internal static class KernelsCommand
{
    public static async Task RunAsync(string name, string shape, int batch, int sequence, TimeSpan limit, Report report)
    {
        using var device = ComputeDevice.Parse(name, report.Warn);
        var config = Shapes.Named(shape);
        foreach (var line in Machine.Describe()) report.Say($"{line}");
        report.Say($"device {device.Name}; {shape}, {batch} x {sequence} tokens, bf16");
        var bench = new KernelBench(device, report, limit);
        using var scripts = new Scripts();
        await bench.CopyAsync();
        await NormsAsync(bench, scripts, config, (long)batch * sequence);
        await RopeAsync(bench, scripts, config, batch, sequence);
        await GateAsync(bench, scripts, config, (long)batch * sequence);
        await AttentionAsync(bench, scripts, config, batch, sequence);
        await EmbeddingAsync(bench, scripts, config, (long)batch * sequence);
        await LossAsync(bench, scripts, config);
        await LayerBench.RunAsync(device, config, batch, sequence, limit, report);
    }

    private static async Task NormsAsync(KernelBench bench, Scripts scripts, ModelConfig config, long T)
    {
        long H = config.HiddenSize;
        var bytes = 2.0 * T * H;
        Tensor Eager(Tensor x, Tensor w)
        {
            var wide = x.to(float32);
            return w * (wide * rsqrt(wide.Squared().mean([-1], keepdim: true).Plus(1e-6))).to(x.dtype);
        }

        foreach (var (how, norm) in new (string, Func<Tensor, Tensor, Tensor>)[] { ("eager", Eager), ("torch.rms_norm", (x, w) => scripts.Call("rms", x, w)) })
        {
            await bench.TimeAsync($"RMSNorm forward, {how}", 2 * bytes, 0, () =>
            {
                var (x, w) = (bench.Random(T, H), bench.Random(H));
                return () => norm(x, w);
            });
            await bench.TimeAsync($"RMSNorm backward, {how}", 3 * bytes, 0, () => Backward([bench.Random(T, H), bench.Random(H)], t => norm(t[0], t[1])));
        }

        await bench.TimeAsync("residual add", 3 * bytes, 0, () =>
        {
            var (x, y) = (bench.Random(T, H), bench.Random(T, H));
            return () => x.Plus(y);
        });
    }

    private static async Task RopeAsync(KernelBench bench, Scripts scripts, ModelConfig config, long B, long S)
    {
        long Q = config.HeadCount, D = config.HeadDimension;
        var bytes = 2.0 * B * S * Q * D;
        foreach (var (how, rope) in new (string, Func<Tensor, Tensor, Tensor, Tensor>)[]
        {
            ("eager with roll", (x, c, s) => (x * c).Plus(x.roll(D / 2, -1) * s)),
            ("TorchScript with cat", (x, c, s) => scripts.Call("rope", x, c, s)),
        })
        {
            await bench.TimeAsync($"rope of the queries forward, {how}", 2 * bytes, 0, () =>
            {
                var (x, c, s) = (bench.Random(B, S, Q, D), bench.Random(B, S, 1, D), bench.Random(B, S, 1, D));
                return () => rope(x, c, s);
            });
            await bench.TimeAsync($"rope of the queries backward, {how}", 2 * bytes, 0, () =>
            {
                var (c, s) = (bench.Random(B, S, 1, D), bench.Random(B, S, 1, D));
                return Backward([bench.Random(B, S, Q, D)], t => rope(t[0], c, s));
            });
        }
    }

    private static async Task GateAsync(KernelBench bench, Scripts scripts, ModelConfig config, long T)
    {
        long F = config.IntermediateSize;
        var bytes = 2.0 * T * F;
        foreach (var (how, gate) in new (string, Func<Tensor, Tensor, Tensor>)[]
        {
            ("eager", (g, u) => g.silu() * u),
            ("TorchScript", (g, u) => scripts.Call("swiglu", g, u)),
        })
        {
            await bench.TimeAsync($"SwiGLU forward, {how}", 3 * bytes, 0, () =>
            {
                var both = bench.Random(T, 2 * F);
                return () => gate(both.narrow(1, 0, F), both.narrow(1, F, F));
            });
            await bench.TimeAsync($"SwiGLU backward, {how}", 5 * bytes, 0, () =>
                Backward([bench.Random(T, 2 * F)], t => gate(t[0].narrow(1, 0, F), t[0].narrow(1, F, F))));
        }

        await bench.TimeAsync("SwiGLU backward, explicit into one buffer", 5 * bytes, 0, () =>
        {
            var (both, result, d) = (bench.Random(T, 2 * F), bench.Random(T, 2 * F), bench.Random(T, F));
            return () =>
            {
                var (g, u) = (both.narrow(1, 0, F), both.narrow(1, F, F));
                result.narrow(1, F, F).copy_(g.silu().mul_(d));
                result.narrow(1, 0, F).copy_(scripts.Call("silu_backward", d * u, g));
            };
        });
    }

    private static async Task AttentionAsync(KernelBench bench, Scripts scripts, ModelConfig config, long B, long S)
    {
        long Q = config.HeadCount, K = config.KeyValueHeadCount, D = config.HeadDimension;
        var flops = 2.0 * B * Q * S * S * D; // causal: half of 4 B Q S S D
        string[] ways = bench.OnCpu ? ["sdpa", "grouped"] : ["sdpa", "flash", "cudnn", "efficient", "grouped"];
        foreach (var way in ways)
        {
            var heads = way == "grouped" ? K : Q;
            Tensor[] Inputs() => [.. new[] { Q, heads, heads }.Select(count => bench.Random(B, S, count, D))];
            Tensor Run(Tensor[] t) => scripts.Call(way, t[0].transpose(1, 2), t[1].transpose(1, 2), t[2].transpose(1, 2));
            await bench.TimeAsync($"attention forward, {way}", 0, flops, () =>
            {
                var inputs = Inputs();
                return () => Run(inputs);
            });
            await bench.TimeAsync($"attention backward, {way}", 0, 2.5 * flops, () => Backward(Inputs(), Run));
            if (bench.OnCpu || !DeterministicScope.IsKnown) continue;
            await bench.TimeAsync($"attention backward, {way}, deterministic", 0, 2.5 * flops, () =>
            {
                var inputs = Inputs();
                var body = Backward(inputs, Run);
                return () =>
                {
                    using var ordered = DeterministicScope.Enter(inputs[0].device);
                    body();
                };
            });
        }

        await bench.TimeAsync("keys repeated for all query heads", 2.0 * B * S * (K + Q) * D, 0, () =>
        {
            var k = bench.Random(B, S, K, D);
            return () => k.unsqueeze(3).expand(B, S, K, Q / K, D).reshape(B, S, Q, D);
        });
    }

    private static async Task EmbeddingAsync(KernelBench bench, Scripts scripts, ModelConfig config, long T)
    {
        long H = config.HiddenSize, V = config.VocabularySize;
        await bench.TimeAsync("embedding forward, index_select", 4.0 * T * H, 0, () =>
        {
            var table = bench.Random(V, H);
            var ids = randint(V, [T], dtype: int64, device: table.device);
            return () => table.index_select(0, ids);
        });
        await bench.TimeAsync("embedding backward, embedding_dense_backward", (2.0 * V * H) + (2.0 * T * H), 0, () =>
        {
            var d = bench.Random(T, H);
            var ids = randint(V, [T], dtype: int64, device: d.device);
            return () => scripts.Call("scatter", d, ids, V);
        });
    }

    private static async Task LossAsync(KernelBench bench, Scripts scripts, ModelConfig config)
    {
        long V = config.VocabularySize, C = 512;
        await bench.TimeAsync($"cross-entropy of {C} tokens, fp32, forward and backward by torch", 4.0 * 2 * C * V, 0, () =>
        {
            var logits = bench.Random(C, V).to(float32).requires_grad_();
            var labels = randint(V, [C], dtype: int64, device: logits.device);
            return () =>
            {
                using var grad = enable_grad();
                autograd.grad([scripts.Call("cross_entropy", logits, labels)], [logits]);
            };
        });
    }

    // The backward alone, over a graph that is kept.
    private static Action Backward(Tensor[] inputs, Func<Tensor[], Tensor> forward)
    {
        using var grad = enable_grad();
        foreach (var input in inputs) input.requires_grad_();
        var output = forward(inputs);
        var gradient = randn_like(output).detach();
        return () => autograd.grad([output], inputs, [gradient], retain_graph: true);
    }
}

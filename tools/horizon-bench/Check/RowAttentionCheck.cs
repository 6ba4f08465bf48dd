using Horizon.Flow.Devices;
using Horizon.Flow.Units;
using static TorchSharp.torch;

namespace Horizon.Flow.Bench;

/// <summary>The device's kernel of the queries' gradients over whole rows in bf16 against fp64 on the CPU, from the same bf16 numbers, and the same bits twice.</summary>
internal static class RowAttentionCheck
{
    private const double Tolerance = 6e-3; // some roundings to bf16, of 2^-9 each
    private const long Width = 128;

    private sealed record Case(long Rows, long Sequence, long Queries, long Keys)
    {
        public override string ToString() => FormattableString.Invariant($"queries' gradients {Rows} x {Sequence}, {Queries} / {Keys} heads");
    }

    public static async Task RunAsync(IComputeDevice device, TimeSpan limit, Report report)
    {
        if (device.Operators.RowAttention is not { } kernel) return;
        foreach (var one in new Case[] { new(1, 1, 1, 1), new(1, 64, 1, 1), new(3, 128, 2, 2), new(2, 320, 6, 2), new(1, 1100, 4, 1), new(5, 77, 3, 3) })
        {
            if (!kernel.Takes(Width, bfloat16)) report.Say($"{one}: this device sums them in flash's order");
            else await report.Part($"{one}", limit, () => device.Lane.RunAsync(() => Compare(device, kernel, one, report)));
        }
    }

    private static void Compare(IComputeDevice device, IRowAttention kernel, Case one, Report report)
    {
        var (B, S, Q, K) = (one.Rows, one.Sequence, one.Queries, one.Keys);
        var scale = 1 / Math.Sqrt(Width);
        var (all, gradient) = (Numbers(B * S, Q + (2 * K), Width), Numbers(B * S, Q, Width));
        var (query, key, value, given) = (Rows(all, 0, Q, 1), Rows(all, Q, K, Q / K), Rows(all, Q + K, K, Q / K), Rows(gradient, 0, Q, 1));
        var scores = matmul(query, key.transpose(2, 3)).Times(scale);
        var hidden = ones([S, S], ScalarType.Bool).tril().logical_not();
        scores = scores.With(double.NegativeInfinity, (x, nothing) => x.masked_fill(hidden, nothing));
        var sums = scores.logsumexp(-1);
        var weights = (scores - sums.unsqueeze(-1)).exp();
        var output = matmul(weights, value);
        var changes = weights * (matmul(given, value.transpose(2, 3)) - (given * output).sum(-1, keepdim: true));
        var expected = Tokens(matmul(changes, key).Times(scale));
        var (found, again) = (OnDevice(), OnDevice());
        var error = ((found - expected).norm() / expected.norm().Plus(1e-2)).item<double>(); // a first token's gradient is zero
        var same = found.eq(again).all().item<bool>();
        report.Check($"{one}", same && error <= Tolerance, FormattableString.Invariant($"relative {error:E1}{(same ? "" : "; other bits the second time")}"));

        Tensor OnDevice()
        {
            var placed = all.to(bfloat16).to(device.TorchDevice);
            Tensor Narrow(Tensor x) => x.to(bfloat16).contiguous().to(device.TorchDevice);
            return kernel.QueryGradients(
                placed.narrow(1, 0, Q), placed.narrow(1, Q, K), placed.narrow(1, Q + K, K), Narrow(Tokens(output)), Narrow(gradient), sums.to(float32).contiguous().to(device.TorchDevice), scale)
                .to(float64).cpu();
        }

        Tensor Rows(Tensor x_TND, long first, long count, long times) =>
            x_TND.narrow(1, first, count).repeat_interleave(times, 1).unflatten(0, B, S).transpose(1, 2).to(float64);
        static Tensor Tokens(Tensor x_BQSD) => x_BQSD.transpose(1, 2).flatten(0, 1);
    }

    // fp32 numbers that bf16 has exactly.
    private static Tensor Numbers(params long[] shape) => randn(shape).bfloat16().to(float32);
}

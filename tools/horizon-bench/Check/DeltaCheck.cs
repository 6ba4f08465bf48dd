using Horizon.Flow.Devices;
using Horizon.Flow.Units;
using static TorchSharp.torch;

namespace Horizon.Flow.Bench;

/// <summary>The device's kernels of linear attention in bf16 against the recurrence, token by token in fp64 on the CPU, from the same bf16 numbers: outputs and all gradients.</summary>
internal static class DeltaCheck
{
    private const double Tolerance = 1.5e-2; // some roundings to bf16, of up to 2^-8 each, one after another, of which few numbers (seven tokens) average nothing out
    private static readonly string[] Names = ["output", "mixed", "taps", "decay", "strength", "gate", "norm"];

    private sealed record Case(int Rows, int Sequence, int Keys, int Group, int DocumentEvery, double Decay)
    {
        public DeltaHeads Heads => new(Keys, Keys * Group, 128, 128, 4);

        public override string ToString() => FormattableString.Invariant($"linear attention {Rows} x {Sequence}, {Keys} x {Group} heads, a document every {DocumentEvery}, decay {Decay}");
    }

    public static async Task RunAsync(IComputeDevice device, TimeSpan limit, Report report)
    {
        if (device.Operators.Delta is not { } kernels) return;
        foreach (var one in new Case[] { new(2, 130, 2, 2, 0, 0.05), new(1, 64, 1, 1, 3, 4), new(3, 200, 1, 3, 40, 0), new(1, 7, 1, 2, 0, 1), new(2, 500, 2, 1, 150, 40), new(1, 1100, 1, 2, 0, 0.01) })
        {
            if (!kernels.Takes(one.Heads, bfloat16)) report.Say($"{one}: this device computes it by libtorch's operators");
            else await report.Part($"{one}", limit, () => device.Lane.RunAsync(() => Compare(device, kernels, one, report)));
        }
    }

    private static void Compare(IComputeDevice device, IDeltaOperators kernels, Case one, Report report)
    {
        // A case is the same numbers on every day.
        manual_seed(1);
        var (heads, B, S) = (one.Heads, one.Rows, one.Sequence);
        Tensor[] inputs =
        [
            Numbers(B, S, heads.Channels), Numbers(heads.Channels, heads.Taps).Times(0.5), rand([B, S, heads.Values]).Times(-one.Decay), rand([B, S, heads.Values]),
            Numbers(B, S, heads.Values * heads.ValueWidth), Numbers(heads.ValueWidth),
        ];
        var outputGradient = Numbers(B, S, heads.Values * heads.ValueWidth);
        var documents = one.DocumentEvery == 0 ? null : rand([B, S]).With(1.0 / one.DocumentEvery, static (x, part) => x.lt(part)).to(int64).cumsum(1);
        var (found, again) = (OnDevice(), OnDevice());
        var expected = Expected(one, inputs, documents, outputGradient);
        var errors = expected.Zip(found).Select(pair => Error(pair.First, pair.Second)).ToList();
        var same = found.Zip(again).All(pair => pair.First.eq(pair.Second).all().item<bool>());
        report.Check($"{one}", same && errors.TrueForAll(error => error <= Tolerance),
            $"relative {string.Join(", ", Names.Zip(errors).Select(pair => FormattableString.Invariant($"{pair.First} {pair.Second:E1}")))}{(same ? "" : "; other bits the second time")}");

        Tensor[] OnDevice()
        {
            var placed = inputs.Select((x, place) => (place is 2 or 3 ? x : x.to(bfloat16)).to(device.TorchDevice)).ToArray();
            using var step = kernels.Run(new(placed[0], placed[1], placed[2], placed[3], placed[4], placed[5], 1e-6), heads, documents?.to(device.TorchDevice), keeps: true);
            return [.. new[] { step.Output }.Concat(step.Backward(outputGradient.to(bfloat16).to(device.TorchDevice))!).Select(x => x!.to(float64).cpu())];
        }
    }

    private static Tensor[] Expected(Case one, Tensor[] inputs, Tensor? documents, Tensor outputGradient)
    {
        using var grad = enable_grad();
        Tensor[] leaves = [.. inputs.Select(x => x.to(float64).requires_grad_())];
        var output = stack([.. Enumerable.Range(0, one.Rows).Select(row => Row(one, row, leaves, documents))], 0);
        return [output.detach(), .. autograd.grad([output], leaves, [outputGradient.to(float64)])];
    }

    // [S, V * E].
    private static Tensor Row(Case one, int row, Tensor[] x, Tensor? documents)
    {
        var (heads, S) = (one.Heads, one.Sequence);
        long[] numbers = documents is null ? new long[S] : documents[row].data<long>().ToArray();
        var outputs = new List<Tensor>();
        var state = zeros([heads.Values, 128, 128], float64);
        for (var place = 0; place < S; place++)
        {
            if (place > 0 && numbers[place] != numbers[place - 1]) state = zeros_like(state);
            var sum = x[0][row, place] * x[1].select(1, heads.Taps - 1);
            for (var back = 1; back < heads.Taps && back <= place; back++)
                if (numbers[place - back] == numbers[place]) sum = sum.Plus(x[0][row, place - back] * x[1].select(1, heads.Taps - 1 - back));
            var all = sum.silu().view(-1, 128);
            Tensor Of(int first) => (all.narrow(0, first, heads.Keys) * rsqrt(all.narrow(0, first, heads.Keys).Squared().sum(-1, keepdim: true).Plus(1e-6))).repeat_interleave(one.Group, 0);
            var (query, key, value) = (Of(0).Times(1 / Math.Sqrt(128)), Of(heads.Keys), all.narrow(0, 2 * heads.Keys, heads.Values));
            state *= x[2][row, place].exp().view(-1, 1, 1);
            var replaced = (value - (key.unsqueeze(-1) * state).sum(1)) * x[3][row, place].unsqueeze(-1);
            state = state.Plus(key.unsqueeze(-1) * replaced.unsqueeze(1));
            var mixed = (query.unsqueeze(-1) * state).sum(1);
            var normed = mixed * rsqrt(mixed.Squared().mean([-1], keepdim: true).Plus(1e-6)) * x[5];
            outputs.Add(normed.flatten() * x[4][row, place].silu());
        }

        return stack(outputs, 0);
    }

    // fp32 numbers that bf16 has exactly.
    private static Tensor Numbers(params long[] shape) => randn(shape).bfloat16().to(float32);

    private static double Error(Tensor expected, Tensor found) => ((found - expected.view(found.shape)).norm() / expected.norm().Plus(1e-12)).item<double>();
}

using FsCheck;
using Horizon.Flow.Models.Attention;
using Horizon.Flow.Tests.Shared;
using Horizon.Flow.Units;
using static TorchSharp.torch;

namespace Horizon.Flow.Models.Tests;

/// <summary>Attention sinks through a kernel that knows none: the flash attention that libtorch has for a CPU, in fp64.</summary>
public class FoldedSinksTests
{
    private static readonly Lazy<jit.CompilationUnit> Kernel = new(() => jit.compile("""
        def forward(q: Tensor, k: Tensor, v: Tensor) -> List[Tensor]:
            out, lse = torch._scaled_dot_product_flash_attention_for_cpu(q, k, v, 0.0, True)
            return [out, lse]

        """));

    /// <summary>Outputs and all gradients, the sinks' too, are those of a softmax with one more score, whatever the sinks are.</summary>
    [Cases(60)]
    public void FoldSinks_AnyHeads_EqualsTheDenseSoftmax(PositiveInt heads, PositiveInt tokens, PositiveInt width, int seed, bool strong)
    {
        var (Q, S, D) = (1 + (heads.Get % 5), 1 + (tokens.Get % 40), 8 * (1 + (width.Get % 3)));
        using var scope = NewDisposeScope();
        random.manual_seed(seed);
        Tensor[] leaves = [.. Enumerable.Range(0, 3).Select(_ => randn([1, Q, S, D], float64)), randn(Q).to(float64).Times(strong ? 8 : 1)];
        var gradient = randn([S, Q, D], float64);
        var (expected, found) = (Run(leaves, gradient, Dense), Run(leaves, gradient, Folded));
        for (var i = 0; i < expected.Length; i++)
            // The sinks' go through fp32.
            Assert.InRange((expected[i] - found[i]).norm().item<double>(), 0, (i == 4 ? 1e-5 : 1e-9) * (1 + expected[i].norm().item<double>()));
    }

    // The output [S, Q, D], and the gradients of queries, keys, values and sinks.
    private static Tensor[] Run(Tensor[] values, Tensor gradient, Func<Tensor, Tensor, Tensor, Tensor, Tensor> attend)
    {
        using var grad = enable_grad();
        Tensor[] leaves = [.. values.Select(value => value.clone().detach().requires_grad_())];
        var output = attend(leaves[0], leaves[1], leaves[2], leaves[3]);
        return [output.detach(), .. autograd.grad([output], leaves, [gradient])];
    }

    private static Tensor Folded(Tensor query, Tensor key, Tensor value, Tensor sinks)
    {
        var found = (Tensor[])Kernel.Value.invoke("forward", query, key, value);
        return AttentionOperators.FoldSinks(found[0].squeeze(0).transpose(0, 1), found[1].squeeze(0), sinks);
    }

    private static Tensor Dense(Tensor query, Tensor key, Tensor value, Tensor sinks)
    {
        var (Q, S, D) = (query.shape[1], query.shape[2], query.shape[3]);
        var scores = matmul(query, key.transpose(2, 3)).Over(Math.Sqrt(D));
        var hidden = ones([S, S], ScalarType.Bool).tril().logical_not();
        var all = cat([scores.With(double.NegativeInfinity, (x, nothing) => x.masked_fill(hidden, nothing)), sinks.view(1, Q, 1, 1).expand(1, Q, S, 1)], -1);
        return matmul(all.softmax(-1).narrow(3, 0, S), value).squeeze(0).transpose(0, 1);
    }
}

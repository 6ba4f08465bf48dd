using Horizon.Flow.Units;
using static TorchSharp.torch.nn.functional;
using static TorchSharp.torch;

namespace Horizon.Examples;

// Letters: B rows, S tokens of a row, H hidden, N heads, D = H / N.

/// <summary>One block: attention and a feed-forward, each behind a LayerNorm. Forward alone is written; autograd derives the rest.</summary>
/// <param name="heads">N.</param>
/// <param name="epsilon">Added to the variance in each norm.</param>
public sealed class Gpt2Block(int heads, double epsilon) : AutogradTemplate
{
    // <snippet>
    /// <inheritdoc/>
    protected override Tensor Compute(ParameterViews parameters, Tensor? input, DeviceBatch batch)
    {
        ArgumentNullException.ThrowIfNull(parameters);
        ArgumentNullException.ThrowIfNull(input);
        ArgumentNullException.ThrowIfNull(batch);
        var x = input.Plus(Attend(parameters, Norm(parameters, "ln_1", input), batch));
        return x.Plus(Linear(parameters, "mlp.c_proj", gelu(Linear(parameters, "mlp.c_fc", Norm(parameters, "ln_2", x)), TorchSharp.Modules.GELU.Approximate.tanh)));
    }

    private Tensor Attend(ParameterViews parameters, Tensor x_BSH, DeviceBatch batch)
    {
        var (rows, tokens, width) = (x_BSH.shape[0], x_BSH.shape[1], x_BSH.shape[2]);
        var parts_BNSD = Linear(parameters, "attn.c_attn", x_BSH).chunk(3, -1).Select(part => part.view(rows, tokens, heads, width / heads).transpose(1, 2)).ToArray();
        var mask = batch.AttentionMask();
        var mixed_BNSD = scaled_dot_product_attention(parts_BNSD[0], parts_BNSD[1], parts_BNSD[2], mask, 0, mask is null);
        return Linear(parameters, "attn.c_proj", mixed_BNSD.transpose(1, 2).reshape(rows, tokens, width));
    }
    // </snippet>

    private Tensor Norm(ParameterViews parameters, string role, Tensor x) =>
        layer_norm(x, [x.shape[^1]], parameters[role + ".weight"], parameters[role + ".bias"], epsilon);

    // GPT-2 keeps its matrices as [inputs, outputs].
    private static Tensor Linear(ParameterViews parameters, string role, Tensor x) => matmul(x, parameters[role + ".weight"]).Plus(parameters[role + ".bias"]);
}

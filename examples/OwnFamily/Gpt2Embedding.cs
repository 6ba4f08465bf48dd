using Horizon.Flow.Units;
using static TorchSharp.torch;

namespace Horizon.Examples;

/// <summary>A token's row, plus that of its position within its document.</summary>
public sealed class Gpt2Embedding : AutogradTemplate
{
    /// <inheritdoc/>
    public override bool IsEmbedding => true;

    /// <inheritdoc/>
    protected override Tensor Compute(ParameterViews parameters, Tensor? input, DeviceBatch batch)
    {
        ArgumentNullException.ThrowIfNull(parameters);
        ArgumentNullException.ThrowIfNull(batch);
        Tensor Rows(string table, Tensor ids) => parameters[table].index_select(0, ids.flatten()).view(ids.shape[0], ids.shape[1], -1);
        return Rows("wte.weight", batch.InputIds).Plus(Rows("wpe.weight", batch.Positions));
    }
}

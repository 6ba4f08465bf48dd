using Horizon.Flow.Models.Common;
using Horizon.Flow.Units;
using static TorchSharp.torch.nn.functional;
using static TorchSharp.torch;

namespace Horizon.Flow.Models.Dense;

// Letters: T tokens, H hidden, L layers, P width of what each layer is told.

/// <summary>
/// An embedding that also says something to each layer (Gemma 4): the token's row of a second table, and a projection of its first one. It travels behind the hidden
/// state through all layers, [batch, sequence, H + L * P], since no unit sees another's values. Derived by autograd.
/// </summary>
internal sealed class PerLayerEmbeddingTemplate(DenseConfig config) : AutogradTemplate
{
    /// <inheritdoc/>
    public override bool IsEmbedding => true;

    /// <inheritdoc/>
    public override int LongestRecall => int.MaxValue;

    /// <inheritdoc/>
    protected override Tensor Compute(ParameterViews parameters, Tensor? input, DeviceBatch batch)
    {
        ArgumentNullException.ThrowIfNull(parameters);
        ArgumentNullException.ThrowIfNull(batch);
        var ids_T = batch.InputIds.flatten();
        var x_TH = Rows(parameters[Roles.Embedding], ids_T, config.EmbeddingScale);
        var said_TLP = Rows(parameters[Roles.PerLayerEmbedding], ids_T, Math.Sqrt(config.PerLayerWidth)).view(-1, config.LayerCount, config.PerLayerWidth);
        var projected_TLP = linear(x_TH, parameters[Roles.PerLayerModelProjection]).Times(1 / Math.Sqrt(config.HiddenSize)).view(said_TLP.shape);
        var normed_TLP = DenseNorm.Apply(config, parameters, Roles.PerLayerModelNorm, projected_TLP);
        var both_TLP = normed_TLP.Plus(said_TLP).Times(Math.Sqrt(0.5));
        return cat([x_TH, both_TLP.flatten(1)], -1).view(batch.BatchSize, batch.SequenceLength, -1);
    }

    // The padding row is not trained by lookups, as torch's padding_idx has it.
    private Tensor Rows(Tensor table, Tensor ids_T, double scale)
    {
        var rows = table.index_select(0, ids_T);
        if (config.PaddingToken is { } padding)
            rows = where(ids_T.With(padding, static (ids, token) => ids.eq(token)).unsqueeze(-1), rows.detach(), rows);
        return rows.Times(EmbeddingTemplate.Rounded(scale, rows.dtype));
    }
}

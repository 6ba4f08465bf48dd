using Horizon.Flow.Models.Common;
using Horizon.Flow.Host.Store;
using Horizon.Flow.Units;
using static TorchSharp.torch.nn.functional;
using static TorchSharp.torch;

namespace Horizon.Flow.Models.Dense;

// Letters: T tokens, H hidden, L layers, P width of what each layer is told.

/// <summary>
/// An embedding that also says something to each layer (Gemma 4): the token's row of a second table, and a projection of its first one. It travels behind the hidden
/// state through all layers, [batch, sequence, H + L * P], since no unit sees another's values; and behind that, zeros at first, what layers leave for later ones. Its backward is
/// <see cref="PerLayerEmbeddingTape"/>.
/// </summary>
internal sealed class PerLayerEmbeddingTemplate(DenseConfig config) : IUnitTemplate
{
    /// <inheritdoc/>
    public bool BackwardNeedsWeights => true;

    /// <inheritdoc/>
    public bool IsEmbedding => true;

    /// <inheritdoc/>
    public int LongestRecall => int.MaxValue;

    /// <summary>The row that lookups do not train; null for none.</summary>
    public int? PaddingToken => config.PaddingToken;

    /// <summary>The tables, and what their rows are multiplied by.</summary>
    public IReadOnlyList<(string Role, double Scale)> Tables { get; } =
        [(Roles.Embedding, config.EmbeddingScale), .. config.PerLayerWidth > 0 ? new[] { (Roles.PerLayerEmbedding, Math.Sqrt(config.PerLayerWidth)) } : []];

    private long Carried => (long)config.LayerCount * config.PerLayerWidth;

    /// <inheritdoc/>
    public Tensor Forward(ParameterViews parameters, Tensor? input, DeviceBatch batch)
    {
        ArgumentNullException.ThrowIfNull(parameters);
        ArgumentNullException.ThrowIfNull(batch);
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        return Compute(parameters, Rows(parameters, batch), batch).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public IUnitTape Recompute(ParameterViews? parameters, Tensor? input, DeviceBatch batch)
    {
        ArgumentNullException.ThrowIfNull(parameters);
        ArgumentNullException.ThrowIfNull(batch);
        return new PerLayerEmbeddingTape(this, parameters, batch);
    }

    /// <inheritdoc/>
    /// <value>An estimate: the rows, the projection and its norm in fp32, and their sum.</value>
    public long TapeBytes(UnitLayout unit, BatchShape batch)
    {
        ArgumentNullException.ThrowIfNull(batch);
        return ((config.HiddenSize + (4 * Carried)) * batch.TokenBytes) + (3 * Carried * batch.WideTokenBytes);
    }

    /// <inheritdoc/>
    /// <value>An estimate: gradients of the output and the rows, and a table's rows in fp32, their sums, and these once more for each place.</value>
    public long WorkingBytes(UnitLayout unit, BatchShape batch)
    {
        ArgumentNullException.ThrowIfNull(batch);
        var widest = Math.Max(config.HiddenSize, Carried);
        return (3 * config.CarriedWidth * batch.TokenBytes) + (4 * widest * batch.WideTokenBytes) + (Math.Max(config.VocabularySize, config.PerLayerVocabulary) * (long)sizeof(long));
    }

    /// <summary>[T, H] and [T, L * P]: the tokens' rows of both tables.</summary>
    public Tensor[] Rows(ParameterViews parameters, DeviceBatch batch) =>
        [.. Tables.Select(table => parameters[table.Role].index_select(0, batch.InputIds.flatten()).Times(Factor(table.Scale, parameters)))];

    /// <summary>[batch, sequence, carried] of <see cref="Rows"/>, by operators that autograd may record.</summary>
    public Tensor Compute(ParameterViews parameters, Tensor[] rows, DeviceBatch batch)
    {
        var left = zeros([rows[0].shape[0], config.CarriedWidth - config.HiddenSize - Carried], rows[0].dtype, rows[0].device);
        if (config.PerLayerWidth == 0) return cat([rows[0], left], -1).view(batch.BatchSize, batch.SequenceLength, -1);
        var (x_TH, said_TLP) = (rows[0], rows[1].view(-1, config.LayerCount, config.PerLayerWidth));
        var projected_TLP = linear(x_TH, parameters[Roles.PerLayerModelProjection]).Times(1 / Math.Sqrt(config.HiddenSize)).view(said_TLP.shape);
        var normed_TLP = DenseNorm.Apply(config, parameters, Roles.PerLayerModelNorm, projected_TLP);
        var both_TLP = normed_TLP.Plus(said_TLP).Times(Math.Sqrt(0.5));
        return cat([x_TH, both_TLP.flatten(1), left], -1).view(batch.BatchSize, batch.SequenceLength, -1);
    }

    /// <summary>A scale in the type of the unit.</summary>
    public static double Factor(double scale, ParameterViews parameters) => EmbeddingTemplate.Rounded(scale, parameters.Flat.dtype);
}

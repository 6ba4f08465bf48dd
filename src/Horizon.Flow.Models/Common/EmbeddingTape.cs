using Horizon.Flow.Units;
using static TorchSharp.torch;

namespace Horizon.Flow.Models.Common;

/// <summary>The embedding's backward.</summary>
internal sealed class EmbeddingTape(Tensor? output, DeviceBatch batch, int? paddingToken, Func<ScalarType, double> scale) : IUnitTape
{
    /// <inheritdoc/>
    public Tensor Output => output ?? throw new InvalidOperationException("this embedding was bound for backward alone, without its weights");

    /// <inheritdoc/>
    public Tensor? Backward(Tensor outputGradient, ParameterViews? gradients)
    {
        if (gradients is null) return null;
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var rows = outputGradient.reshape(batch.InputIds.numel(), -1).to(float32);
        gradients.Flat.zero_();
        if (gradients.Contains(Roles.Positions)) RowGradient.Write(gradients[Roles.Positions], batch.Positions.flatten(), rows);
        var table = gradients[Roles.Embedding];
        var factor = scale(table.dtype);
        RowGradient.Write(table, batch.InputIds.flatten(), factor == 1 ? rows : rows.Times(factor), paddingToken);
        return null;
    }

    /// <inheritdoc/>
    public void Dispose() => output?.Dispose();
}

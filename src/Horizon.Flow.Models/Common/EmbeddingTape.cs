using Horizon.Flow.Units;
using TorchSharp;
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
        if (gradients.Contains(Roles.Positions)) Write(gradients[Roles.Positions], batch.Positions.flatten(), rows);
        var table = gradients[Roles.Embedding];
        var factor = scale(table.dtype);
        Write(table, batch.InputIds.flatten(), factor == 1 ? rows : rows.Times(factor));
        if (paddingToken is { } token) table.narrow(0, token, 1).zero_();
        return null;
    }

    // Each id that occurs is summed in fp32 at one of its places, its leader: as wide as the batch, not as the vocabulary, and
    // without asking the device how many different ids there are. Copying a sum to all its places writes equal values.
    private static void Write(Tensor table, Tensor ids, Tensor rows)
    {
        using var scope = NewDisposeScope();
        var leaderOfId = empty(table.shape[0], int64, ids.device);
        leaderOfId.index_copy_(0, ids, TensorArithmetic.Range(ids.numel(), device: ids.device));
        var leaders = leaderOfId.index_select(0, ids);
        var sums = SumInto(zeros_like(rows), leaders, rows).index_select(0, leaders);
        table.index_copy_(0, ids, sums.to(table.dtype));
    }

    /// <inheritdoc/>
    public void Dispose() => output?.Dispose();

    // The same order run after run: on the CPU index_add_ goes row by row; on CUDA it uses atomics, while the accumulating index_put_
    // sorts the indices first. Its check of the indices would make the host wait; these are places in the batch by construction.
    private static Tensor SumInto(Tensor sums, Tensor places, Tensor rows) => sums.device_type == DeviceType.CPU
        ? sums.With(1, (x, one) => x.index_add_(0, places, rows, one))
        : AtenOperators.AddRowsUnchecked(sums, places, rows);
}

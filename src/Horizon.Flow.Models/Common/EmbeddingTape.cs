using TorchSharp;
using static TorchSharp.torch;

namespace Horizon.Flow.Models.Common;

/// <summary>The embedding's backward.</summary>
internal sealed class EmbeddingTape(Tensor? output, DeviceBatch batch, int? paddingToken) : IUnitTape
{
    /// <inheritdoc/>
    public Tensor Output => output ?? throw new InvalidOperationException("this embedding was bound for backward alone, without its weights");

    /// <inheritdoc/>
    public Tensor? Backward(Tensor outputGradient, ParameterViews? gradients)
    {
        if (gradients is null) return null;
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var table = gradients[Roles.Embedding];
        var ids = batch.InputIds.flatten();
        var rows = outputGradient.reshape(ids.numel(), -1).to(float32);

        // Each token that occurs is summed in fp32 at one of its places, its leader: as wide as the batch, not as the vocabulary, and
        // without asking the device how many different tokens there are. Copying a sum to all its places writes equal values.
        var leaderOfToken = empty(table.shape[0], int64, ids.device);
        leaderOfToken.index_copy_(0, ids, TensorArithmetic.Range(ids.numel(), device: ids.device));
        var leaders = leaderOfToken.index_select(0, ids);
        var sums = SumInto(zeros_like(rows), leaders, rows).index_select(0, leaders);

        gradients.Flat.zero_();
        table.index_copy_(0, ids, sums.to(table.dtype));
        if (paddingToken is { } token) table.narrow(0, token, 1).zero_();
        return null;
    }

    /// <inheritdoc/>
    public void Dispose() => output?.Dispose();

    // The same order run after run: on the CPU index_add_ goes row by row; on CUDA it uses atomics, while the accumulating index_put_
    // sorts the indices first. Its check of the indices would make the host wait; these are places in the batch by construction.
    private static Tensor SumInto(Tensor sums, Tensor places, Tensor rows) => sums.device_type == DeviceType.CPU
        ? sums.With(1, (x, one) => x.index_add_(0, places, rows, one))
        : AtenOperators.AddRowsUnchecked(sums, places, rows);
}

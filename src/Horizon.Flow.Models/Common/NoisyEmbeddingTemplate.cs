using Horizon.Flow.Host.Store;
using Horizon.Flow.Units;
using static TorchSharp.torch;

namespace Horizon.Flow.Models.Common;

/// <summary>Another embedding, with noise on what it gives where the batch has a seed (<see cref="EmbeddingNoise"/>).</summary>
internal sealed class NoisyEmbeddingTemplate(IUnitTemplate inner, double alpha) : IUnitTemplate
{
    /// <inheritdoc/>
    public bool BackwardNeedsWeights => inner.BackwardNeedsWeights;

    /// <inheritdoc/>
    public bool IsEmbedding => true;

    /// <inheritdoc/>
    public int LongestRecall => inner.LongestRecall;

    /// <inheritdoc/>
    public Tensor Forward(ParameterViews parameters, Tensor? input, DeviceBatch batch)
    {
        ArgumentNullException.ThrowIfNull(batch);
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        return Noisy(inner.Forward(parameters, input, batch), batch).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public IUnitTape Recompute(ParameterViews? parameters, Tensor? input, DeviceBatch batch)
    {
        ArgumentNullException.ThrowIfNull(batch);
        var tape = inner.Recompute(parameters, input, batch);
        if (parameters is null || batch.Seed is null) return tape;
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        return new NoisyEmbeddingTape(tape, Noisy(tape.Output, batch).DetachFromDisposeScope());
    }

    /// <inheritdoc/>
    public long TapeBytes(UnitLayout unit, BatchShape batch) => inner.TapeBytes(unit, batch);

    /// <inheritdoc/>
    /// <remarks>The embedding without noise beside the one with it; what a piece of the noise takes is a few megabytes.</remarks>
    public long WorkingBytes(UnitLayout unit, BatchShape batch)
    {
        ArgumentNullException.ThrowIfNull(unit);
        ArgumentNullException.ThrowIfNull(batch);
        return inner.WorkingBytes(unit, batch) + (unit.Parameters.First(slot => slot.Role == Roles.Embedding).Shape[1] * batch.TokenBytes);
    }

    private Tensor Noisy(Tensor embeddings, DeviceBatch batch) =>
        batch.Seed is null ? embeddings : EmbeddingNoise.Add(embeddings.view(-1, embeddings.shape[^1]), batch, alpha).view(embeddings.shape);
}

using Horizon.Flow.Host.Store;
using Horizon.Flow.Units;
using static TorchSharp.torch;

namespace Horizon.Flow.Models.Common;

// Letters: N labelled tokens, H hidden, V vocabulary.

/// <summary>
/// Final norm, output projection and cross-entropy. Only labelled tokens are computed at all, and their logits a chunk at a time
/// (<see cref="LogitChunks"/>): the gradient of the logits is softmax - onehot.
/// </summary>
public sealed class HeadTemplate : IHeadTemplate
{
    /// <summary>256 MiB.</summary>
    public const long DefaultLogitsByteLimit = 256L << 20;

    private readonly string _projection;
    private readonly double _normEpsilon;
    private readonly LogitChunks _chunks;

    /// <summary>Creates it.</summary>
    /// <param name="projection">The role of the output projection: its own, or the embedding's where the head is tied.</param>
    /// <param name="normEpsilon">Added to the mean square in the final norm.</param>
    /// <param name="logitsByteLimit">
    /// Bytes of a chunk's fp32 logits; at least one token is taken. At the default or above, a device whose operators fuse the
    /// cross-entropy takes more tokens where the model is wide.
    /// </param>
    public HeadTemplate(string projection, double normEpsilon, long logitsByteLimit = DefaultLogitsByteLimit)
    {
        _projection = projection;
        _normEpsilon = normEpsilon;
        _chunks = new LogitChunks(logitsByteLimit);
    }

    /// <inheritdoc/>
    public HeadResult Differentiate(ParameterViews parameters, ParameterViews? gradients, Tensor hidden, DeviceBatch batch, double lossScale) =>
        Differentiate(parameters, gradients, hidden, batch, lossScale, null);

    /// <inheritdoc/>
    public HeadResult Differentiate(ParameterViews parameters, ParameterViews? gradients, Tensor hidden, DeviceBatch batch, Tensor lossScales) =>
        Differentiate(parameters, gradients, hidden, batch, 1, lossScales);

    /// <inheritdoc/>
    public Tensor LossSum(ParameterViews parameters, Tensor hidden, DeviceBatch batch)
    {
        ArgumentNullException.ThrowIfNull(parameters);
        ArgumentNullException.ThrowIfNull(batch);
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        return _chunks.LossSum(Normed(parameters, hidden, batch), parameters[_projection], batch).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public Tensor LogProbabilities(ParameterViews parameters, Tensor hidden, DeviceBatch batch)
    {
        ArgumentNullException.ThrowIfNull(parameters);
        ArgumentNullException.ThrowIfNull(batch);
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        return _chunks.LogProbabilities(Normed(parameters, hidden, batch), parameters[_projection], batch).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public Tensor Logits(ParameterViews parameters, Tensor hidden)
    {
        ArgumentNullException.ThrowIfNull(parameters);
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        return _chunks.Logits(RmsNorm.Apply(hidden, parameters[Roles.FinalNorm], _normEpsilon), parameters[_projection]).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public long WorkingBytes(UnitLayout unit, BatchShape batch)
    {
        ArgumentNullException.ThrowIfNull(unit);
        ArgumentNullException.ThrowIfNull(batch);
        var projection = unit.Parameters.First(slot => slot.Role == _projection);
        var hidden = projection.Shape[1];
        // The rows that have labels, their norm, its gradient, the norm's, and that in its place among all rows.
        var states = (5 * hidden * batch.TokenBytes) + (batch.FusedOperators ? 0 : 6 * hidden * batch.WideTokenBytes);
        return states + _chunks.WorkingBytes(projection, batch);
    }

    private HeadResult Differentiate(ParameterViews parameters, ParameterViews? gradients, Tensor hidden, DeviceBatch batch, double lossScale, Tensor? scales_N)
    {
        ArgumentNullException.ThrowIfNull(parameters);
        ArgumentNullException.ThrowIfNull(hidden);
        ArgumentNullException.ThrowIfNull(batch);
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var input_NH = batch.LabelledRows(hidden);
        var (_, normed_NH, inverse) = batch.Operators.Norm(input_NH, null, parameters[Roles.FinalNorm], _normEpsilon);
        var (lossSum, normedGradient_NH) = _chunks.Differentiate(normed_NH, parameters[_projection], gradients?[_projection], batch, lossScale, scales_N);
        var found_NH = batch.Operators.NormBackward(
            normedGradient_NH, input_NH, parameters[Roles.FinalNorm], inverse, null, gradients?[Roles.FinalNorm]);
        if (gradients is not null)
        {
            foreach (var unused in gradients.Layout.Parameters.Where(slot => slot.Role != _projection && slot.Role != Roles.FinalNorm))
                gradients[unused.Role].zero_();
        }

        return new HeadResult(lossSum.MoveToOuterDisposeScope(), LogitChunks.InPlace(found_NH, hidden, batch).MoveToOuterDisposeScope());
    }

    private Tensor Normed(ParameterViews parameters, Tensor hidden, DeviceBatch batch) =>
        batch.Operators.Norm(batch.LabelledRows(hidden), null, parameters[Roles.FinalNorm], _normEpsilon).Output;
}

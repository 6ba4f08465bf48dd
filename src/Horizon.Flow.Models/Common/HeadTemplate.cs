using Horizon.Flow.Host.Store;
using Horizon.Flow.Units;
using static TorchSharp.torch;

namespace Horizon.Flow.Models.Common;

// Letters: N labelled tokens, H hidden, V vocabulary.

/// <summary>
/// Final norm, output projection and cross-entropy. Only labelled tokens are computed at all, those of long rows a piece at a time, and their logits a chunk at a
/// time (<see cref="LogitChunks"/>): the gradient of the logits is softmax - onehot.
/// </summary>
public sealed class HeadTemplate : IHeadTemplate
{
    /// <summary>256 MiB.</summary>
    public const long DefaultLogitsByteLimit = 256L << 20;

    private readonly string _projection;
    private readonly IHeadNorm _norm;
    private readonly LogitChunks _chunks;
    private readonly double _smoothing;
    private readonly Func<DeviceBatch, Tensor>? _beside;

    /// <summary>Creates it.</summary>
    /// <param name="projection">The role of the output projection: its own, or the embedding's where the head is tied.</param>
    /// <param name="normEpsilon">Added to the mean square in the final norm.</param>
    /// <param name="logitsByteLimit">
    /// Bytes of a chunk's fp32 logits; at least one token is taken. At the default or above, a device whose operators fuse the
    /// cross-entropy takes more tokens where the model is wide.
    /// </param>
    public HeadTemplate(string projection, double normEpsilon, long logitsByteLimit = DefaultLogitsByteLimit)
        : this(projection, new RmsHeadNorm(normEpsilon), new LogitChunks(logitsByteLimit))
    {
    }

    /// <param name="projection">The role of the output projection.</param>
    /// <param name="norm">The final norm.</param>
    /// <param name="chunks">How logits are shaped, and how many of them exist at once.</param>
    /// <param name="beside">What layers add to the mean loss of training, whose gradients are theirs; null for nothing. Of other objectives and of evaluations it is no part.</param>
    internal HeadTemplate(string projection, IHeadNorm norm, LogitChunks chunks, Func<DeviceBatch, Tensor>? beside = null) => (_projection, _norm, _chunks, _beside) = (projection, norm, chunks, beside);

    private HeadTemplate(HeadTemplate other, double smoothing)
        : this(other._projection, other._norm, other._chunks, other._beside) => _smoothing = smoothing;

    /// <summary>
    /// The same head, whose training loss has a share of its target evenly on all tokens of the vocabulary (label smoothing, Szegedy et al. 2016):
    /// (1 - smoothing) * cross-entropy + smoothing * the mean of -log p over the vocabulary. <see cref="LossSum"/> and log-probabilities stay plain.
    /// </summary>
    /// <param name="smoothing">The share, at least 0 and less than 1.</param>
    public HeadTemplate WithLabelSmoothing(double smoothing)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(smoothing);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(smoothing, 1);
        return new HeadTemplate(this, smoothing);
    }

    /// <inheritdoc/>
    public HeadResult Differentiate(ParameterViews parameters, ParameterViews? gradients, Tensor hidden, DeviceBatch batch, double lossScale) =>
        DifferentiateRows(parameters, gradients, hidden, batch, (normed_NH, gradient_VH, first) =>
        {
            var (sum, gradient_NH) = _chunks.Differentiate(normed_NH, parameters[_projection], gradient_VH, batch, lossScale, smoothing: _smoothing, first: first);
            return (_beside is null || first > 0 ? sum : sum.Plus(_beside(batch).Over(lossScale)), gradient_NH);
        });

    /// <inheritdoc/>
    public HeadResult Differentiate(ParameterViews parameters, ParameterViews? gradients, Tensor hidden, DeviceBatch batch, Tensor lossScales)
    {
        RequirePlain();
        return DifferentiateRows(parameters, gradients, hidden, batch, (normed_NH, gradient_VH, first) => _chunks.Differentiate(normed_NH, parameters[_projection], gradient_VH, batch, 1, lossScales, first: first));
    }

    /// <inheritdoc/>
    public HeadResult Differentiate(ParameterViews parameters, ParameterViews? gradients, Tensor hidden, DeviceBatch batch, LogitsLoss loss)
    {
        RequirePlain();
        return DifferentiateRows(parameters, gradients, hidden, batch, (normed_NH, gradient_VH, first) => _chunks.Differentiate(normed_NH, parameters[_projection], gradient_VH, loss, first));
    }

    /// <inheritdoc/>
    public void ForEachLogits(ParameterViews parameters, Tensor hidden, DeviceBatch batch, Action<long, Tensor> look)
    {
        ArgumentNullException.ThrowIfNull(parameters);
        ArgumentNullException.ThrowIfNull(batch);
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        ForEachPiece(hidden, batch, (first, rows_NH) => _chunks.ForEach(_norm.Apply(parameters, rows_NH, batch.Operators), parameters[_projection], look, first));
    }

    /// <inheritdoc/>
    public Tensor LossSum(ParameterViews parameters, Tensor hidden, DeviceBatch batch)
    {
        ArgumentNullException.ThrowIfNull(parameters);
        ArgumentNullException.ThrowIfNull(batch);
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        Tensor? sum = null;
        ForEachPiece(hidden, batch, (first, rows_NH) => sum = Added(sum, _chunks.LossSum(_norm.Apply(parameters, rows_NH, batch.Operators), parameters[_projection], batch, first)));
        return sum!.MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public Tensor LogProbabilities(ParameterViews parameters, Tensor hidden, DeviceBatch batch)
    {
        ArgumentNullException.ThrowIfNull(parameters);
        ArgumentNullException.ThrowIfNull(batch);
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var found = new List<Tensor>();
        ForEachPiece(hidden, batch, (first, rows_NH) =>
            found.Add(_chunks.LogProbabilities(_norm.Apply(parameters, rows_NH, batch.Operators), parameters[_projection], batch, first).MoveToOuterDisposeScope()));
        return (found.Count == 1 ? found[0] : cat(found, 0)).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public Tensor Logits(ParameterViews parameters, Tensor hidden)
    {
        ArgumentNullException.ThrowIfNull(parameters);
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        return _chunks.Logits(_norm.Apply(parameters, hidden, null), parameters[_projection]).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public long WorkingBytes(UnitLayout unit, BatchShape batch)
    {
        ArgumentNullException.ThrowIfNull(unit);
        ArgumentNullException.ThrowIfNull(batch);
        var projection = unit.Parameters.First(slot => slot.Role == _projection);
        return _norm.Bytes(projection.Shape[1], batch) + _chunks.WorkingBytes(projection, batch);
    }

    /// <inheritdoc/>
    public IReadOnlyList<string> NormRoles { get; } = [Roles.FinalNorm, Roles.BiasOf(Roles.FinalNorm)];

    /// <inheritdoc/>
    public Tensor Norm(ParameterViews parameters, Tensor rows, DeviceBatch batch)
    {
        ArgumentNullException.ThrowIfNull(batch);
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        return _norm.Apply(parameters, rows, batch.Operators).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public Tensor DifferentiateNorm(ParameterViews parameters, ParameterViews? gradients, Tensor rows, DeviceBatch batch, Func<Tensor, Tensor> rest)
    {
        ArgumentNullException.ThrowIfNull(batch);
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        return _norm.Differentiate(parameters, gradients, rows, batch.Operators, rest).MoveToOuterDisposeScope();
    }

    private void RequirePlain()
    {
        if (_smoothing > 0) throw new HorizonException("label smoothing is of the next token's cross-entropy: leave it out with another objective");
    }

    private HeadResult DifferentiateRows(ParameterViews parameters, ParameterViews? gradients, Tensor hidden, DeviceBatch batch, Func<Tensor, ProjectionGradient?, long, (Tensor LossSum, Tensor Gradient_NH)> lose)
    {
        ArgumentNullException.ThrowIfNull(parameters);
        ArgumentNullException.ThrowIfNull(hidden);
        ArgumentNullException.ThrowIfNull(batch);
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        if (gradients is not null)
        {
            foreach (var other in gradients.Layout.Parameters.Where(slot => slot.Role != _projection)) gradients[other.Role].zero_();
        }

        using var projection = gradients is null ? null : new ProjectionGradient(gradients[_projection]);
        using var norms = gradients is null ? null : new NormGradients(gradients, NormRoles);
        Tensor? lossSum = null;
        var gradient_TH = zeros_like(hidden).view(-1, hidden.shape[^1]);
        ForEachPiece(hidden, batch, (first, rows_NH) =>
        {
            var found_NH = _norm.Differentiate(parameters, gradients, rows_NH, batch.Operators, normed_NH =>
            {
                var (sum, gradient_NH) = lose(normed_NH, projection, first);
                lossSum = Added(lossSum, sum);
                return gradient_NH;
            });
            norms?.Add();
            gradient_TH.index_copy_(0, batch.LabelledTokens.narrow(0, first, found_NH.shape[0]), found_NH);
        });
        projection?.Write();
        norms?.Write();
        return new HeadResult(lossSum!.MoveToOuterDisposeScope(), gradient_TH.view(hidden.shape).MoveToOuterDisposeScope());
    }

    // In the scope around a piece's.
    private static Tensor Added(Tensor? sum, Tensor part) => (sum is null ? part : sum.Plus(part)).MoveToOuterDisposeScope();

    // The rows that have a label, a piece at a time; one piece where there are none.
    private static void ForEachPiece(Tensor hidden, DeviceBatch batch, Action<long, Tensor> visit)
    {
        var (rows_TH, count) = (hidden.reshape(-1, hidden.shape[^1]), batch.LabelledTokens.shape[0]);
        for (long first = 0; first == 0 || first < count; first += batch.PieceTokens)
        {
            using var scope = NewDisposeScope();
            visit(first, rows_TH.index_select(0, batch.LabelledTokens.narrow(0, first, Math.Min(batch.PieceTokens, count - first))));
        }
    }
}

using Horizon.Flow.Host.Store;
using Horizon.Flow.Units;
using static TorchSharp.torch;
using static TorchSharp.torch.nn.functional;

namespace Horizon.Flow.Alignment.Distillation;

// Letters: C tokens of a chunk, V vocabulary.

/// <summary>A head that compares itself with what a teacher says, a chunk of logits at a time.</summary>
internal sealed class DistillationHead(IHeadTemplate plain, DistillationObjective objective) : IHeadTemplate
{
    /// <summary>With what was stored of the teacher, in the micro-batch's columns.</summary>
    public HeadResult Differentiate(ParameterViews parameters, ParameterViews? gradients, Tensor hidden, DeviceBatch batch, double lossScale)
    {
        using var scope = NewDisposeScope();
        var result = Differentiate(parameters, gradients, hidden, batch, lossScale, TeacherLogits.RowsOf(batch));
        result.LossSum.MoveToOuterDisposeScope();
        result.InputGradient.MoveToOuterDisposeScope();
        result.Numbers!.MoveToOuterDisposeScope();
        return result;
    }

    public HeadResult Differentiate(ParameterViews parameters, ParameterViews? gradients, Tensor hidden, DeviceBatch batch, double lossScale, TeacherRows teacher)
    {
        using var scope = NewDisposeScope();
        var labels_N = batch.Targets.flatten().index_select(0, batch.LabelledTokens);
        var sums = zeros([2], float64, hidden.device);
        var found = plain.Differentiate(parameters, gradients, hidden, batch, (first, logits_CV) =>
        {
            var student_CV = logits_CV.detach().requires_grad_();
            Tensor loss, scaled, parts;
            using (enable_grad())
            {
                var crossEntropy = cross_entropy(student_CV, labels_N.narrow(0, first, student_CV.shape[0]), reduction: nn.Reduction.Sum).to(float64);
                var divergence = Divergent(teacher, first, student_CV);
                loss = divergence.Times((1 - objective.CrossEntropyWeight) * objective.Temperature * objective.Temperature).Plus(crossEntropy.Times(objective.CrossEntropyWeight));
                scaled = loss.Times(lossScale);
                parts = stack([divergence.detach(), crossEntropy.detach()]);
            }

            sums.AddInPlace(parts);
            return (loss.detach(), autograd.grad([scaled], [student_CV])[0]);
        });
        return new HeadResult(found.LossSum.MoveToOuterDisposeScope(), found.InputGradient.MoveToOuterDisposeScope())
        {
            Numbers = stack([sums, ones_like(sums).Times(labels_N.shape[0])], 1).MoveToOuterDisposeScope(),
        };
    }

    /// <inheritdoc/>
    public Tensor LossSum(ParameterViews parameters, Tensor hidden, DeviceBatch batch) => plain.LossSum(parameters, hidden, batch);

    /// <inheritdoc/>
    public Tensor Logits(ParameterViews parameters, Tensor hidden) => plain.Logits(parameters, hidden);

    /// <inheritdoc/>
    public Tensor LogProbabilities(ParameterViews parameters, Tensor hidden, DeviceBatch batch) => plain.LogProbabilities(parameters, hidden, batch);

    /// <inheritdoc/>
    public void ForEachLogits(ParameterViews parameters, Tensor hidden, DeviceBatch batch, Action<long, Tensor> look) => plain.ForEachLogits(parameters, hidden, batch, look);

    /// <inheritdoc/>
    /// <remarks>Beside what the model's own head needs: a chunk's logits some times over, and what the teacher says of every labelled token.</remarks>
    public long WorkingBytes(UnitLayout unit, BatchShape batch)
    {
        ArgumentNullException.ThrowIfNull(unit);
        ArgumentNullException.ThrowIfNull(batch);
        var vocabulary = unit.Parameters.Where(slot => slot.Shape.Count == 2).Max(slot => slot.Shape[0]);
        return (6 * plain.WorkingBytes(unit, batch)) + (batch.Tokens * (objective.TopK is { } count ? (count + 1) * (sizeof(long) + sizeof(float)) : vocabulary * sizeof(float)));
    }

    // The sum over the chunk, fp64. Both distributions sum to one, so what is added is nothing; but with it rounding of the log-probabilities counts to
    // second order only.
    private Tensor Divergent(TeacherRows teacher, long first, Tensor student_CV)
    {
        var (wanted, given) = teacher.LogProbabilities(first, student_CV, objective.Temperature);
        var (from, to) = objective.Divergence == Divergence.Forward ? (wanted, given) : (given, wanted);
        var (a, b) = (from.exp(), to.exp());
        return (a * (from - to)).Plus(b - a).sum(float64);
    }
}

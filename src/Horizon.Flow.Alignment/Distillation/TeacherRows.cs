using Horizon.Flow.Units;
using static TorchSharp.torch;
using static TorchSharp.torch.nn.functional;

namespace Horizon.Flow.Alignment.Distillation;

// Letters: N labelled tokens, C tokens of a chunk, V vocabulary, K tokens that are kept.

/// <summary>
/// What the teacher says of each labelled token. Of all tokens: its logits. Of the K most likely: their ids, and the log-probabilities of these and of
/// the rest together, at the temperature; the student's distribution is then gathered in the same K + 1 parts.
/// </summary>
/// <param name="Ids">[N, K] int64; null where all tokens are meant.</param>
/// <param name="Values">[N, V] fp32 logits, or [N, K + 1] fp32 log-probabilities.</param>
internal sealed record TeacherRows(Tensor? Ids, Tensor Values)
{
    /// <summary>The most likely tokens of a chunk of logits.</summary>
    public static TeacherRows Top(Tensor logits_CV, int count, double temperature)
    {
        var soft_CV = logits_CV.Over(temperature);
        var (_, ids_CK) = soft_CV.topk(count, -1);
        return new(ids_CK, Parts(soft_CV, ids_CK));
    }

    /// <summary>The teacher's and the student's log-probabilities of a chunk, of the same tokens or parts.</summary>
    /// <param name="first">The chunk's first token.</param>
    /// <param name="student_CV">The student's logits.</param>
    /// <param name="temperature">Of both.</param>
    public (Tensor Teacher, Tensor Student) LogProbabilities(long first, Tensor student_CV, double temperature)
    {
        var (values, soft_CV) = (Values.narrow(0, first, student_CV.shape[0]), student_CV.Over(temperature));
        return Ids is null ? (log_softmax(values.Over(temperature), -1), log_softmax(soft_CV, -1)) : (values, Parts(soft_CV, Ids.narrow(0, first, student_CV.shape[0])));
    }

    // [C, K + 1]. The rest by its own sum: one minus the others would have no digits where they are nearly all.
    private static Tensor Parts(Tensor soft_CV, Tensor ids_CK)
    {
        var all_C1 = soft_CV.logsumexp(-1, keepdim: true);
        var rest_C1 = soft_CV.With(double.NegativeInfinity, (x, none) => x.scatter(1, ids_CK, full_like(ids_CK, none, x.dtype))).logsumexp(-1, keepdim: true);
        return cat([soft_CV.gather(1, ids_CK), rest_C1], 1) - all_C1;
    }
}

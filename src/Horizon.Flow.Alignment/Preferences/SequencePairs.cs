using static TorchSharp.torch;

namespace Horizon.Flow.Alignment.Preferences;

/// <summary>The pairs of a micro-batch: log-probabilities of whole answers, the sums over their tokens. All are [pairs] fp64.</summary>
/// <param name="Chosen">Of the answers that are preferred.</param>
/// <param name="Rejected">Of the others.</param>
/// <param name="ChosenLength">Labelled tokens of the answers that are preferred.</param>
/// <param name="RejectedLength">Labelled tokens of the others.</param>
/// <param name="ReferenceChosen">As <paramref name="Chosen"/>, by the reference; null where the objective needs none.</param>
/// <param name="ReferenceRejected">As <paramref name="Rejected"/>, by the reference.</param>
public sealed record SequencePairs(
    Tensor Chosen, Tensor Rejected, Tensor ChosenLength, Tensor RejectedLength, Tensor? ReferenceChosen, Tensor? ReferenceRejected)
{
    /// <summary>Means over the tokens of each answer in the place of sums.</summary>
    public SequencePairs Averaged => this with
    {
        Chosen = Chosen / ChosenLength,
        Rejected = Rejected / RejectedLength,
        ReferenceChosen = ReferenceChosen is null ? null : ReferenceChosen / ChosenLength,
        ReferenceRejected = ReferenceRejected is null ? null : ReferenceRejected / RejectedLength,
    };
}

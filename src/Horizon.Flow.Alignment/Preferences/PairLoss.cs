using static TorchSharp.torch;

namespace Horizon.Flow.Alignment.Preferences;

/// <summary>What an objective makes of pairs.</summary>
/// <param name="Losses">[pairs] fp64, derived by autograd.</param>
/// <param name="ChosenRewards">[pairs]: the rewards that the model implicitly gives to the answers that are preferred.</param>
/// <param name="RejectedRewards">[pairs]: and to the others.</param>
public sealed record PairLoss(Tensor Losses, Tensor ChosenRewards, Tensor RejectedRewards);

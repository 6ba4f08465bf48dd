using System.IO.Enumeration;
using Horizon.Flow.Host.Store;

namespace Horizon.Flow.Host.Optimizers;

/// <summary>Other settings for the parameters whose checkpoint name matches a pattern.</summary>
/// <param name="Pattern">
/// A glob over the whole of <see cref="ParameterSlot.TensorName"/>: <c>*</c> stands for any characters, dots too, <c>?</c> for
/// one. For instance <c>*norm.weight</c> or <c>*.bias</c>. Letter case counts.
/// </param>
/// <param name="LearningRateFactor">The step's learning rate is multiplied by it; 0 freezes.</param>
/// <param name="WeightDecay">In place of the optimizer's; null keeps that.</param>
public sealed record ParameterGroup(string Pattern, double LearningRateFactor = 1, double? WeightDecay = null)
{
    /// <summary>Whether the group holds for a parameter of this checkpoint name.</summary>
    public bool Matches(string tensorName) => FileSystemName.MatchesSimpleExpression(Pattern, tensorName, ignoreCase: false);
}

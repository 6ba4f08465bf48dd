using Horizon.Flow.Host.Store;
using Horizon.Flow.Host.Workers;

namespace Horizon.Flow.Host.Optimizers;

/// <summary>A part of one parameter: what a thread updates in one go.</summary>
/// <param name="Slot">Index of the parameter in its layout.</param>
/// <param name="First">First element, counted in the unit's flat buffer.</param>
/// <param name="Offset">First element, counted in the parameter; a multiple of <see cref="HostWorkers.ChunkElements"/>.</param>
/// <param name="Count">Elements.</param>
/// <param name="LearningRateFactor">From the parameter's group.</param>
/// <param name="WeightDecay">From the parameter's group, else the optimizer's.</param>
internal readonly record struct ParameterPiece(
    int Slot, long First, long Offset, int Count, double LearningRateFactor, double WeightDecay)
{
    /// <summary>
    /// Cuts every parameter of a unit into pieces of <see cref="HostWorkers.ChunkElements"/> elements. The cuts depend on the
    /// layout alone, never on the number of threads.
    /// </summary>
    public static ParameterPiece[] Cut(UnitLayout layout, OptimizerOptions options)
    {
        var pieces = new List<ParameterPiece>();
        for (var slot = 0; slot < layout.Parameters.Count; slot++)
        {
            var parameter = layout.Parameters[slot];
            var (learningRateFactor, weightDecay) = options.SettingsOf(parameter);
            for (long offset = 0; offset < parameter.Count; offset += HostWorkers.ChunkElements)
            {
                var count = (int)Math.Min(HostWorkers.ChunkElements, parameter.Count - offset);
                pieces.Add(new(slot, parameter.Offset + offset, offset, count, learningRateFactor, weightDecay));
            }
        }

        return [.. pieces];
    }
}

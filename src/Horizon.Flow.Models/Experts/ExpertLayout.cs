using Horizon.Flow.Models.Common;

namespace Horizon.Flow.Models.Experts;

/// <summary>The parameters of a layer's experts: gate and up of each side by side, so that they are one product, then what leads back.</summary>
internal static class ExpertLayout
{
    /// <param name="config">Numbers and widths.</param>
    /// <param name="hidden">H.</param>
    public static IEnumerable<(string Role, long[] Shape)> Of(ExpertConfig config, long hidden)
    {
        long width = config.Width;
        yield return (Roles.Router, [config.Count, hidden]);
        if (config.RouterNormEpsilon is not null)
        {
            yield return (Roles.RouterScale, [hidden]);
            yield return (Roles.RouterExpertScale, [config.Count]);
        }

        if (config.RouterBias) yield return (Roles.RouterBias, [config.Count]);
        if (config.Router == RouterKind.Sigmoid) yield return (Roles.RouterCorrection, [config.Count]);
        if (config.ClampedGate is not null)
        {
            yield return (Roles.ExpertsGateUp, [config.Count, hidden, 2 * width]);
            yield return (Roles.ExpertsGateUpBias, [config.Count, 2 * width]);
            yield return (Roles.ExpertsDown, [config.Count, width, hidden]);
            yield return (Roles.ExpertsDownBias, [config.Count, hidden]);
        }
        else if (config.Fused)
        {
            yield return (Roles.ExpertsGateUp, [config.Count, 2 * width, hidden]);
            yield return (Roles.ExpertsDown, [config.Count, hidden, width]);
        }
        else
        {
            for (var expert = 0; expert < config.Count; expert++)
            {
                yield return (Roles.ExpertGate(expert), [width, hidden]);
                yield return (Roles.ExpertUp(expert), [width, hidden]);
            }

            for (var expert = 0; expert < config.Count; expert++) yield return (Roles.ExpertDown(expert), [hidden, width]);
        }

        if (config.SharedWidth == 0) yield break;
        yield return (Roles.SharedGate, [config.SharedWidth, hidden]);
        yield return (Roles.SharedUp, [config.SharedWidth, hidden]);
        yield return (Roles.SharedDown, [hidden, config.SharedWidth]);
        if (config.SharedGated) yield return (Roles.SharedOpening, [1, hidden]);
    }
}

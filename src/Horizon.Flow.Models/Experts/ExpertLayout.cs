using Horizon.Flow.Host.Store;
using Horizon.Flow.Models.Common;

namespace Horizon.Flow.Models.Experts;

/// <summary>The parameters of a layer's experts: gate and up of each side by side, so that they are one product, then what leads back. Where experts are in several parts, the layer has none of them.</summary>
internal static class ExpertLayout
{
    /// <param name="config">Numbers and widths.</param>
    /// <param name="hidden">H.</param>
    public static IEnumerable<(string Role, long[] Shape)> Of(ExpertConfig config, long hidden)
    {
        yield return (Roles.Router, [config.Count, hidden]);
        if (config.RouterNormEpsilon is not null)
        {
            yield return (Roles.RouterScale, [hidden]);
            yield return (Roles.RouterExpertScale, [config.Count]);
        }

        if (config.RouterBias) yield return (Roles.RouterBias, [config.Count]);
        if (config.Router == RouterKind.Sigmoid) yield return (Roles.RouterCorrection, [config.Count]);
        if (config.Parts == 1)
            foreach (var parameter in Experts(config, hidden)) yield return parameter;
        if (config.SharedWidth == 0) yield break;
        yield return (Roles.SharedGate, [config.SharedWidth, hidden]);
        yield return (Roles.SharedUp, [config.SharedWidth, hidden]);
        yield return (Roles.SharedDown, [hidden, config.SharedWidth]);
        if (config.SharedGated) yield return (Roles.SharedOpening, [1, hidden]);
    }

    /// <summary>The experts of one part, which counts them from 0, with their names among all of the layer.</summary>
    /// <param name="config">Numbers and widths.</param>
    /// <param name="hidden">H.</param>
    /// <param name="part">Its number.</param>
    public static IEnumerable<(string Role, string Name, long[] Shape)> Part(ExpertConfig config, long hidden, int part) =>
        Experts(config with { Count = config.CountOfPart }, hidden)
            .Zip(Experts(config with { Count = config.CountOfPart }, hidden, part * config.CountOfPart), (own, all) => (own.Role, all.Role, own.Shape));

    /// <summary>Which rows of the model folder's tensors a part's parameters are, where these hold all experts of a layer.</summary>
    /// <param name="config">Numbers and widths.</param>
    /// <param name="part">Its number.</param>
    public static IReadOnlyDictionary<string, TensorRows>? RowsOf(ExpertConfig config, int part) => config is { Fused: false, ClampedGate: null } ? null
        : new[] { Roles.ExpertsGateUp, Roles.ExpertsGateUpBias, Roles.ExpertsDown, Roles.ExpertsDownBias }.ToDictionary(role => role, _ => new TensorRows(part * config.CountOfPart, config.Count));

    private static IEnumerable<(string Role, long[] Shape)> Experts(ExpertConfig config, long hidden, int first = 0)
    {
        long width = config.Width;
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
            for (var expert = first; expert < first + config.Count; expert++)
            {
                yield return (Roles.ExpertGate(expert), [width, hidden]);
                yield return (Roles.ExpertUp(expert), [width, hidden]);
            }

            for (var expert = first; expert < first + config.Count; expert++) yield return (Roles.ExpertDown(expert), [hidden, width]);
        }
    }
}

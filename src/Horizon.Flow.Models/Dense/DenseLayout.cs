using Horizon.Flow.Host.Store;
using Horizon.Flow.Models.Common;
using Horizon.Flow.Models.Experts;

namespace Horizon.Flow.Models.Dense;

/// <summary>
/// The units of a <see cref="DenseConfig"/>. What a layer has is what stands here: its template asks the unit for its parts. Roles are those
/// of <see cref="Roles"/> in every family; tensors go by the model folder's names.
/// </summary>
internal static class DenseLayout
{
    private const string Weight = ".weight";
    private const string Bias = ".bias";
    private static readonly HashSet<string> Fixed = [Roles.RouterCorrection, Roles.LayerScalar];

    public static IReadOnlyList<UnitLayout> Units(DenseConfig config)
    {
        var table = (Roles.Embedding, new long[] { config.VocabularySize, config.HiddenSize });
        List<(string, long[])> embedding = [table];
        if (config.LearnedPositions) embedding.Add((Roles.Positions, [config.MaximumSequenceLength, config.HiddenSize]));
        long perLayer = (long)config.LayerCount * config.PerLayerWidth;
        if (perLayer > 0)
            embedding.AddRange([(Roles.PerLayerEmbedding, [config.PerLayerVocabulary, perLayer]), (Roles.PerLayerModelProjection, [perLayer, config.HiddenSize]), (Roles.PerLayerModelNorm, [config.PerLayerWidth])]);
        List<(string, long[])> norm = [.. Norm(config, Roles.FinalNorm)];
        var layers = Enumerable.Range(0, config.LayerCount).SelectMany(layer => (IEnumerable<UnitLayout>)[LayerUnit(config, layer), .. PartUnits(config, layer)]);
        return config.TiedHead
            ? [Unit(config, "embedding and head", [.. embedding, .. norm]), .. layers]
            : [Unit(config, "embedding", embedding), .. layers, Unit(config, "head", [.. norm, (Roles.Head, table.Item2)])];
    }

    private static UnitLayout Unit(DenseConfig config, string name, IEnumerable<(string Role, long[] Shape)> parameters) =>
        new(name, name, parameters.Select(parameter => (parameter.Role, Named(config, parameter.Role, parameter.Role == Roles.Head ? config.HeadPrefix : config.ModelPrefix), parameter.Shape)));

    private static UnitLayout LayerUnit(DenseConfig config, int layer)
    {
        var prefix = $"{config.LayerPrefix}{layer}.";
        return new(
            $"layer {layer}",
            Kind(config, layer),
            Layer(config.OfLayer(layer), layer).Select(parameter => (parameter.Role, prefix + Named(config, parameter.Role, ""), parameter.Shape)),
            Fixed);
    }

    // Named as the layer is, so that a pattern of its name with a star takes them along.
    private static IEnumerable<UnitLayout> PartUnits(DenseConfig config, int layer)
    {
        if (config.ExpertsOf(layer) is not { Parts: > 1 and var parts } experts) return [];
        var prefix = $"{config.LayerPrefix}{layer}.";
        return Enumerable.Range(0, parts).Select(part => new UnitLayout(
            $"layer {layer}, experts {part + 1} of {parts}",
            "experts",
            ExpertLayout.Part(experts, config.HiddenSize, part).Select(parameter => (parameter.Role, prefix + Named(config, parameter.Name, ""), parameter.Shape)),
            rows: ExpertLayout.RowsOf(experts, part)));
    }

    private static string Kind(DenseConfig config, int layer)
    {
        var feedForward = config.ExpertsOf(layer) is not null ? "expert layer" : "decoder layer";
        return config.ConvolutionLayers.Contains(layer) ? "convolution layer" : config.DeltaLayers.Contains(layer) ? $"linear {feedForward}" : feedForward;
    }

    private static string Named(DenseConfig config, string role, string prefix)
    {
        var end = role.EndsWith(Bias, StringComparison.Ordinal) ? Bias : role.EndsWith(Weight, StringComparison.Ordinal) ? Weight : "";
        var stem = role[..^end.Length];
        var number = stem.Split('.').FirstOrDefault(part => char.IsAsciiDigit(part[0]));
        var key = number is null ? stem : stem.Replace($".{number}.", ".*.", StringComparison.Ordinal);
        return (config.Names.TryGetValue(key, out var name) ? name.Replace("*", number, StringComparison.Ordinal) : prefix + stem) + end;
    }

    private static IEnumerable<(string Role, long[] Shape)> Layer(DenseConfig config, int layer) =>
    [
        .. config.NormBefore ? Norm(config, Roles.InputNorm) : [],
        .. config.ConvolutionLayers.Contains(layer) ? Convolution(config)
            : config.DeltaLayers.Contains(layer) ? Attention(config, config.Delta!)
            : config.Latent is { } latent ? Attention(config, latent)
            : Attention(config),
        .. config.NormAfter ? Norm(config, Roles.AttentionOutputNorm) : [],
        .. config.NormBefore && !config.SharedNorm ? Norm(config, Roles.PostAttentionNorm) : [],
        .. config.ExpertsOf(layer) is not { } experts ? FeedForward(config) : config.ExpertsBeside ? Beside(config, experts) : ExpertLayout.Of(experts, config.HiddenSize),
        .. config.NormAfter ? Norm(config, Roles.FeedForwardOutputNorm) : [],
        .. config.PerLayerWidth > 0 ? PerLayer(config) : [],
        .. config.LayerScalar ? new (string, long[])[] { (Roles.LayerScalar, [1]) } : [],
    ];

    private static IEnumerable<(string Role, long[] Shape)> Attention(DenseConfig config)
    {
        var (hidden, head) = ((long)config.HiddenSize, (long)config.HeadDimension);
        var (queries, keys) = (config.HeadCount * head, config.KeyValueHeadCount * head);
        var opened = config.GatedAttention ? 2 * queries : queries;
        (string Role, long Rows)[] projections = config.FusedQueryKeyValue
            ? [(Roles.QueryKeyValue, queries + (2 * keys))]
            : config.SharedKeys is { AreOwn: false } ? [(Roles.Query, queries)]
            : config.KeysAreValues ? [(Roles.Query, queries), (Roles.Key, keys)]
            : [(Roles.Query, opened), (Roles.Key, keys), (Roles.Value, keys)];
        foreach (var (role, rows) in projections) yield return (role, Matrix(config, rows, hidden));
        if (config.QueryKeyValueBias)
            foreach (var (role, rows) in projections) yield return (Roles.BiasOf(role), [rows]);
        if (config.QueryKeyNorms != QueryKeyNormKind.None)
        {
            var whole = config.QueryKeyNorms == QueryKeyNormKind.Whole;
            yield return (Roles.QueryNorm, [whole ? queries : head]);
            if (config.SharedKeys is not { AreOwn: false }) yield return (Roles.KeyNorm, [whole ? keys : head]);
        }

        if (config.Sinks) yield return (Roles.Sinks, [config.HeadCount]);
        yield return (Roles.Output, Matrix(config, hidden, queries));
        if (config.AttentionOutputBias) yield return (Roles.OutputBias, [hidden]);
    }

    private static IEnumerable<(string Role, long[] Shape)> Attention(DenseConfig config, LatentConfig latent)
    {
        var (hidden, heads) = ((long)config.HiddenSize, (long)config.HeadCount);
        if (latent.QueryRank is not { } rank) yield return (Roles.Query, [heads * latent.KeyWidth, hidden]);
        else
        {
            yield return (Roles.LatentQuery, [rank, hidden]);
            if (config.QueryKeyValueBias) yield return (Roles.BiasOf(Roles.LatentQuery), [rank]);
            yield return (Roles.LatentQueryNorm, [rank]);
            yield return (Roles.QueryOfLatent, [heads * latent.KeyWidth, rank]);
        }

        long compressed = latent.KeyValueRank + latent.RotatedWidth;
        yield return (Roles.LatentKeyValue, [compressed, hidden]);
        if (config.QueryKeyValueBias) yield return (Roles.BiasOf(Roles.LatentKeyValue), [compressed]);
        yield return (Roles.LatentKeyValueNorm, [latent.KeyValueRank]);
        yield return (Roles.KeyValue, [heads * (latent.PlainWidth + latent.ValueWidth), latent.KeyValueRank]);
        yield return (Roles.Output, [hidden, heads * latent.ValueWidth]);
        if (config.AttentionOutputBias) yield return (Roles.OutputBias, [hidden]);
    }

    private static IEnumerable<(string Role, long[] Shape)> Attention(DenseConfig config, DeltaConfig delta)
    {
        long hidden = config.HiddenSize;
        var (heads, values, mixed) = ((long)delta.ValueHeads, (long)delta.Values, (2L * delta.Keys) + delta.Values);
        (string Role, long Rows)[] projections = delta.FusedByHead
            ? [(Roles.DeltaQueryKeyValueGate, mixed + values), (Roles.DeltaStrengthTime, 2 * heads)]
            : [(Roles.DeltaQueryKeyValue, mixed), (Roles.DeltaGate, values), (Roles.DeltaStrength, heads), (Roles.DeltaTime, heads)];
        foreach (var (role, rows) in projections) yield return (role, [rows, hidden]);
        yield return (Roles.DeltaConvolution, [mixed, 1, delta.Taps]);
        yield return (Roles.DeltaTimeBias, [heads]);
        yield return (Roles.DeltaDecay, [heads]);
        yield return (Roles.DeltaNorm, [delta.ValueWidth]);
        yield return (Roles.DeltaOutput, [hidden, values]);
    }

    private static IEnumerable<(string Role, long[] Shape)> Convolution(DenseConfig config)
    {
        long hidden = config.HiddenSize;
        (string Role, long[] Shape)[] weights =
        [
            (Roles.ConvolutionInput, [3 * hidden, hidden]), (Roles.Convolution, [hidden, 1, config.ConvolutionTaps]), (Roles.ConvolutionOutput, [hidden, hidden]),
        ];
        foreach (var weight in weights)
        {
            yield return weight;
            if (config.ConvolutionBias) yield return (Roles.BiasOf(weight.Role), [weight.Shape[0]]);
        }
    }

    private static IEnumerable<(string Role, long[] Shape)> FeedForward(DenseConfig config)
    {
        var (hidden, inner) = ((long)config.HiddenSize, (long)config.IntermediateSize);
        (string Role, long Rows)[] projections =
            !config.Gated ? [(Roles.Up, inner)]
            : config.FusedGateUp ? [(Roles.GateUp, 2 * inner)]
            : [(Roles.Gate, inner), (Roles.Up, inner)];
        foreach (var (role, rows) in projections) yield return (role, Matrix(config, rows, hidden));
        if (config.FeedForwardBias)
            foreach (var (role, rows) in projections) yield return (Roles.BiasOf(role), [rows]);
        yield return (Roles.Down, Matrix(config, hidden, inner));
        if (config.FeedForwardBias) yield return (Roles.DownBias, [hidden]);
    }

    private static IEnumerable<(string Role, long[] Shape)> Beside(DenseConfig config, ExpertConfig experts) =>
    [
        .. FeedForward(config), .. Norm(config, Roles.DenseOutputNorm), .. Norm(config, Roles.ExpertInputNorm), .. ExpertLayout.Of(experts, config.HiddenSize), .. Norm(config, Roles.ExpertOutputNorm),
    ];

    private static IEnumerable<(string Role, long[] Shape)> PerLayer(DenseConfig config) =>
    [
        (Roles.PerLayerGate, [config.PerLayerWidth, config.HiddenSize]), (Roles.PerLayerProjection, [config.HiddenSize, config.PerLayerWidth]),
        (Roles.PerLayerNorm, [config.HiddenSize]),
    ];

    private static IEnumerable<(string Role, long[] Shape)> Norm(DenseConfig config, string role)
    {
        yield return (role, [config.HiddenSize]);
        if (config.NormBias) yield return (Roles.BiasOf(role), [config.HiddenSize]);
    }

    private static long[] Matrix(DenseConfig config, long rows, long columns) => config.TransposedMatrices ? [columns, rows] : [rows, columns];
}

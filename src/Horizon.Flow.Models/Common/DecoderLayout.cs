using Horizon.Flow.Host.Store;

namespace Horizon.Flow.Models.Common;

/// <summary>
/// The units of a decoder model and the places of their parameters. q, k and v stand side by side, so do gate and up, weights and
/// biases each, so that every group is one product over one view.
/// </summary>
public static class DecoderLayout
{
    /// <summary>
    /// The embedding, the layers and the head; with a tied head the embedding's unit also holds the final norm and there is none of
    /// the head's own.
    /// </summary>
    public static IReadOnlyList<UnitLayout> Units(ModelConfig config)
    {
        ArgumentNullException.ThrowIfNull(config);
        long[] table = [config.VocabularySize, config.HiddenSize];
        var embedding = (Roles.Embedding, $"model.{Roles.Embedding}", table);
        var norm = (Roles.FinalNorm, $"model.{Roles.FinalNorm}", new long[] { config.HiddenSize });
        var layers = Enumerable.Range(0, config.LayerCount).Select(index => Layer(config, index));
        return config.TiedHead
            ? [new UnitLayout("embedding and head", "embedding and head", [embedding, norm]), .. layers]
            : [
                new UnitLayout("embedding", "embedding", [embedding]),
                .. layers,
                new UnitLayout("head", "head", [norm, (Roles.Head, Roles.Head, table)]),
            ];
    }

    private static UnitLayout Layer(ModelConfig config, int index) => new(
        $"layer {index}",
        "decoder layer",
        LayerParameters(config).Select(parameter => (parameter.Role, $"model.layers.{index}.{parameter.Role}", parameter.Shape)));

    private static IEnumerable<(string Role, long[] Shape)> LayerParameters(ModelConfig config)
    {
        var (hidden, head, inner) = ((long)config.HiddenSize, (long)config.HeadDimension, (long)config.IntermediateSize);
        var (queries, keys) = (config.HeadCount * head, config.KeyValueHeadCount * head);

        yield return (Roles.InputNorm, [hidden]);
        yield return (Roles.Query, [queries, hidden]);
        yield return (Roles.Key, [keys, hidden]);
        yield return (Roles.Value, [keys, hidden]);
        if (config.QueryKeyValueBias)
        {
            yield return (Roles.QueryBias, [queries]);
            yield return (Roles.KeyBias, [keys]);
            yield return (Roles.ValueBias, [keys]);
        }

        if (config.QueryKeyNorm)
        {
            yield return (Roles.QueryNorm, [head]);
            yield return (Roles.KeyNorm, [head]);
        }

        yield return (Roles.Output, [hidden, queries]);
        if (config.AttentionOutputBias) yield return (Roles.OutputBias, [hidden]);

        yield return (Roles.PostAttentionNorm, [hidden]);
        yield return (Roles.Gate, [inner, hidden]);
        yield return (Roles.Up, [inner, hidden]);
        if (config.FeedForwardBias)
        {
            yield return (Roles.GateBias, [inner]);
            yield return (Roles.UpBias, [inner]);
        }

        yield return (Roles.Down, [hidden, inner]);
        if (config.FeedForwardBias) yield return (Roles.DownBias, [hidden]);
    }
}

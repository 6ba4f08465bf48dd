using Horizon.Flow.Models.Common;

namespace Horizon.Flow.Models.Dense;

/// <summary>Builds the model of a <see cref="DenseConfig"/>.</summary>
internal static class DenseDecoder
{
    /// <summary>The model as units and the templates that they are bound to.</summary>
    /// <param name="config">Must be a <see cref="DenseConfig"/>.</param>
    /// <param name="logitsByteLimit">Bytes of the logits that exist at once; see <see cref="HeadTemplate"/>.</param>
    /// <exception cref="HorizonException">The numbers contradict each other or are too large.</exception>
    public static ModelDefinition Define(ModelConfig config, long logitsByteLimit = HeadTemplate.DefaultLogitsByteLimit)
    {
        var dense = config as DenseConfig
            ?? throw new HorizonException($"this {config.Architecture} cannot be built: its configuration must be read by its own family (ModelFolder.ReadConfig)");
        DecoderRules.Check(dense);
        CheckRotation(dense);
        var units = DenseLayout.Units(dense);
        var rotaries = new Dictionary<RopeConfig, RotaryEmbedding>();
        RotaryEmbedding? Rotary(int layer)
        {
            if (dense.RopeOf(layer) is not { } rope) return null;
            if (!rotaries.TryGetValue(rope, out var found)) rotaries.Add(rope, found = new RotaryEmbedding(rope, dense.HeadDimension));
            return found;
        }

        var templates = new Dictionary<(RotaryEmbedding?, int?), DenseLayerTemplate?>();
        DenseLayerTemplate Template(int layer)
        {
            var (rotary, window) = (Rotary(layer), dense.SlidingWindow(layer));
            return templates.GetValueOrDefault((rotary, window)) ?? (templates[(rotary, window)] = new DenseLayerTemplate(dense, rotary, window))!;
        }

        return new ModelDefinition
        {
            Architecture = dense.Architecture,
            Units = units,
            Hidden =
            [
                new HiddenBinding(0, new EmbeddingTemplate(dense.PaddingToken, dense.EmbeddingScale)),
                .. Enumerable.Range(0, dense.LayerCount).Select(layer => new HiddenBinding(layer + 1, Template(layer))),
            ],
            Head = new HeadBinding(dense.TiedHead ? 0 : units.Count - 1, new DenseHeadTemplate(dense, logitsByteLimit)),
            HiddenSize = dense.HiddenSize,
            VocabularySize = dense.VocabularySize,
            MaximumSequenceLength = dense.MaximumSequenceLength,
            Initialize = Initializer(dense),
        };
    }

    // Norms whose weight stands for one more begin at zero.
    private static ParameterInitializer Initializer(DenseConfig config)
    {
        var common = new DecoderInitializer(config);
        return (parameter, seed, offset, values) =>
        {
            if (config.Norm == NormKind.RmsPlusOne && parameter.Role.EndsWith("norm.weight", StringComparison.Ordinal)) values.Clear();
            else common.Fill(parameter, seed, offset, values);
        };
    }

    private static void CheckRotation(DenseConfig config)
    {
        foreach (var rope in Enumerable.Range(0, config.LayerCount).Select(config.RopeOf).OfType<RopeConfig>().Distinct())
        {
            var width = rope.RotatedWidth(config.HeadDimension);
            if (width < 2 || width % 2 != 0)
                throw new HorizonException($"this {config.Architecture} cannot be built: {rope.RotatedFraction} of a head of {config.HeadDimension} channels is {width}, and the rotary embedding turns pairs; see its config.json");
            RotaryRules.Check(config.Architecture, rope, config.HeadDimension);
        }
    }
}

using Horizon.Flow.Models.Adapters;
using Horizon.Flow.Units;

namespace Horizon.Flow.Models.Common;

/// <summary>What all families here share: embedding, decoder layers, final norm and output projection.</summary>
public static class CausalDecoder
{
    /// <summary>The model as units and the templates that they are bound to.</summary>
    /// <param name="config">The numbers; <see cref="DecoderRules"/> says which are accepted.</param>
    /// <param name="logitsByteLimit">Bytes of the logits that exist at once; see <see cref="HeadTemplate"/>.</param>
    /// <exception cref="HorizonException">The numbers contradict each other or are too large, or the rotation is of a part of each head or of neighbouring channels.</exception>
    public static ModelDefinition Define(ModelConfig config, long logitsByteLimit = HeadTemplate.DefaultLogitsByteLimit)
    {
        ArgumentNullException.ThrowIfNull(config);
        DecoderRules.Check(config);
        RotaryRules.Check(config.Architecture, config.Rope, config.HeadDimension);
        RotaryRules.CheckWholeHeads(config.Architecture, config.Rope, config.HeadDimension);
        var units = AdapterLayout.Extend(DecoderLayout.Units(config), config.Adapter);
        var rotary = new RotaryEmbedding(config.Rope, config.HeadDimension);
        var everything = new DecoderLayerTemplate(config, rotary, null);
        var windowed = config.SlidingWindows.OfType<int>().Distinct()
            .ToDictionary(window => window, window => new DecoderLayerTemplate(config, rotary, window));
        var layers = Enumerable.Range(0, config.LayerCount).Select(layer =>
            new HiddenBinding(layer + 1, config.SlidingWindow(layer) is { } window ? windowed[window] : everything));
        var head = new HeadTemplate(config.TiedHead ? Roles.Embedding : Roles.Head, config.NormEpsilon, logitsByteLimit);
        return new ModelDefinition
        {
            Architecture = config.Architecture,
            Units = units,
            Hidden = [new HiddenBinding(0, new EmbeddingTemplate(config.PaddingToken)), .. layers],
            Head = new HeadBinding(config.TiedHead ? 0 : units.Count - 1, head),
            HiddenSize = config.HiddenSize,
            VocabularySize = config.VocabularySize,
            MaximumSequenceLength = config.MaximumSequenceLength,
            Initialize = AdapterInitializer.Around(new DecoderInitializer(config).Fill),
        };
    }
}

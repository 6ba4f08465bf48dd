using Horizon.Flow.Models.Adapters;
using Horizon.Flow.Models.Common;
using Horizon.Flow.Models.Experts;
using Horizon.Flow.Units;

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
        dense = ExpertParts.Apply(dense);
        var ledger = dense.Experts is { } experts ? new ExpertLedger(experts, [.. Enumerable.Range(0, dense.LayerCount).Where(layer => dense.ExpertsOf(layer) is not null)]) : null;
        var layers = Enumerable.Range(0, dense.LayerCount).Select(layer => (
            Rope: dense.RopeOf(layer), Window: dense.SlidingWindow(layer), Heads: dense.HeadShapes.GetValueOrDefault(layer), Number: dense.AttentionScaledByLayer || dense.CarriedWidth > dense.HiddenSize || dense.ExpertsOf(layer) is not null ? layer : 0)).ToList();
        var configs = Enumerable.Range(0, dense.LayerCount).GroupBy(layer => layers[layer]).ToDictionary(group => group.Key, group => dense.OfLayer(group.First()));
        var rotaries = layers.Where(layer => layer.Rope is not null).Select(layer => (Rope: layer.Rope!, configs[layer].HeadDimension)).Distinct()
            .ToDictionary(rotary => rotary, rotary => Rotary(dense.Architecture, rotary.Rope, rotary.HeadDimension));
        var templates = configs.ToDictionary(
            layer => layer.Key,
            layer => new DenseLayerTemplate(layer.Value, layer.Key.Rope is { } rope ? rotaries[(rope, layer.Value.HeadDimension)] : null, layer.Key.Window, layer.Key.Number, ledger));
        var units = AdapterLayout.Extend(DenseLayout.Units(dense), dense.Adapter, dense.TransposedMatrices);
        return new ModelDefinition
        {
            Architecture = dense.Architecture,
            Units = units,
            Hidden =
            [
                new HiddenBinding(0, dense.CarriedWidth > dense.HiddenSize ? new PerLayerEmbeddingTemplate(dense) : new EmbeddingTemplate(dense.PaddingToken, dense.EmbeddingScale)),
                .. layers.SelectMany((layer, number) => (IEnumerable<IUnitTemplate>)[templates[layer], .. Parts(dense, number, ledger)]).Select((template, index) => new HiddenBinding(index + 1, template)),
            ],
            Head = new HeadBinding(dense.TiedHead ? 0 : units.Count - 1, Head(dense, logitsByteLimit, ledger)),
            HiddenSize = dense.CarriedWidth,
            VocabularySize = dense.VocabularySize,
            MaximumSequenceLength = dense.MaximumSequenceLength,
            Initialize = AdapterInitializer.Around(Initializer(dense)),
        };
    }

    private static IEnumerable<IUnitTemplate> Parts(DenseConfig config, int layer, ExpertLedger? ledger) => config.ExpertsOf(layer) is not { Parts: > 1 } experts ? []
        : Enumerable.Range(0, experts.Parts).Select(part => new ExpertPartTemplate(experts, config.HiddenSize, config.Activation, ledger!.Parts, layer, part, config.Adapter));

    private static HeadTemplate Head(DenseConfig config, long logitsByteLimit, ExpertLedger? ledger) => new(
        config.TiedHead ? Roles.Embedding : Roles.Head, new DenseHeadNorm(config), new LogitChunks(logitsByteLimit, config.LogitScale, config.LogitCap),
        config.Experts is { Balancing: > 0 } ? ledger!.LossOf : null);

    // Norms whose weight stands for one more begin at zero.
    private static ParameterInitializer Initializer(DenseConfig config)
    {
        var common = new DecoderInitializer(config);
        return (parameter, seed, offset, values) =>
        {
            if (config.Norm == NormKind.RmsPlusOne && Roles.IsNorm(parameter.Role) && parameter.Role != Roles.DeltaNorm) values.Clear();
            else common.Fill(parameter, seed, offset, values);
        };
    }

    private static RotaryEmbedding Rotary(string architecture, RopeConfig rope, int headDimension)
    {
        RotaryRules.Check(architecture, rope, headDimension);
        return new RotaryEmbedding(rope, headDimension);
    }
}

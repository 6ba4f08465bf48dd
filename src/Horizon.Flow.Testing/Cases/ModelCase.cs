using Horizon.Flow.Models;

namespace Horizon.Flow.Testing;

/// <summary>A small decoder and the shape of its batches, for properties; <see cref="ModelCases"/> gives random ones.</summary>
/// <param name="Layers">Decoder layers.</param>
/// <param name="KeyValueHeads">Heads of keys and values.</param>
/// <param name="Groups">Query heads for each of them.</param>
/// <param name="HeadWidth">Of each head; even.</param>
/// <param name="Hidden">Width of the hidden state.</param>
/// <param name="Intermediate">Width of the feed-forward.</param>
/// <param name="Vocabulary">Tokens.</param>
/// <param name="Tied">Whether the head is the embedding.</param>
/// <param name="QueryKeyValueBias">Whether these projections have biases.</param>
/// <param name="OutputBias">Whether the attention's output has a bias.</param>
/// <param name="FeedForwardBias">Whether the feed-forward has biases.</param>
/// <param name="QueryKeyNorm">Whether queries and keys are normed.</param>
/// <param name="Window">Tokens that every other layer sees; null for all.</param>
/// <param name="Rope">How positions are scaled.</param>
/// <param name="PaddingToken">A token whose embedding is not trained; null for none.</param>
/// <param name="Rows">Of a micro-batch.</param>
/// <param name="Sequence">Tokens of a row.</param>
/// <param name="Packed">Whether a row holds several documents.</param>
/// <param name="Seed">Of parameters and tokens.</param>
public sealed record ModelCase(
    int Layers, int KeyValueHeads, int Groups, int HeadWidth, int Hidden, int Intermediate, int Vocabulary,
    bool Tied, bool QueryKeyValueBias, bool OutputBias, bool FeedForwardBias, bool QueryKeyNorm, int? Window, RopeKind Rope,
    int? PaddingToken, int Rows, int Sequence, bool Packed, int Seed)
{
    /// <summary>What a config.json would say.</summary>
    public ModelConfig Config => new()
    {
        Architecture = "LlamaForCausalLM",
        LayerCount = Layers,
        HeadCount = KeyValueHeads * Groups,
        KeyValueHeadCount = KeyValueHeads,
        HeadDimension = HeadWidth,
        HiddenSize = Hidden,
        IntermediateSize = Intermediate,
        VocabularySize = Vocabulary,
        MaximumSequenceLength = 64,
        // A short vector that happens to be almost zero would be blown up by a norm, and its rounding with it.
        NormEpsilon = 1e-3,
        TiedHead = Tied,
        QueryKeyValueBias = QueryKeyValueBias,
        AttentionOutputBias = OutputBias,
        FeedForwardBias = FeedForwardBias,
        QueryKeyNorm = QueryKeyNorm,
        // Mixed layers, as max_window_layers makes them.
        SlidingWindows = Window is null ? [] : [.. Enumerable.Range(0, Layers).Select(layer => layer % 2 == 0 ? Window : null)],
        PaddingToken = PaddingToken,
        Rope = new RopeConfig
        {
            Theta = 100,
            Kind = Rope,
            Factor = Rope == RopeKind.Default ? 1 : 4,
            OriginalMaximumSequenceLength = 32,
        },
    };

    /// <summary>Random values for every parameter, away from the special ones (norm weights not one, biases not zero).</summary>
    public Dictionary<string, float[]> Parameters()
    {
        var random = new Random(Seed);
        return ModelFamilies.Define(Config).Units.SelectMany(unit => unit.Parameters).ToDictionary(
            slot => slot.TensorName,
            slot => Enumerable.Range(0, (int)slot.Count)
                .Select(_ => (float)((slot.Role.EndsWith("norm.weight", StringComparison.Ordinal) ? 1 : 0) + (0.4 * (random.NextDouble() - 0.5)))).ToArray());
    }

    /// <summary>Random micro-batch number <paramref name="index"/>; about a third of the targets are -100, but never all.</summary>
    public MicroBatch Batch(int index = 0)
    {
        var random = new Random(Seeds.Mix(Seed, index));
        var count = Rows * Sequence;
        var ids = Enumerable.Range(0, count).Select(_ => (long)random.Next(Vocabulary)).ToArray();
        var targets = ids.Select(_ => random.Next(3) == 0 ? MicroBatch.Unlabelled : random.Next(Vocabulary)).ToArray();
        targets[random.Next(count)] = random.Next(Vocabulary);
        var (positions, documents) = (new long[count], new long[count]);
        for (var place = 0; place < count; place++)
        {
            var start = place % Sequence == 0;
            var next = start || (Packed && random.Next(4) == 0);
            documents[place] = start ? 0 : documents[place - 1] + (next ? 1 : 0);
            positions[place] = next ? 0 : positions[place - 1] + 1;
        }

        return new MicroBatch(Rows, Sequence, ids, targets, positions, Packed ? documents : null);
    }
}

using Horizon.Flow.Models;

namespace Horizon.Flow.Tests.Reference;

/// <summary>A small random model and the shape of its batches, for properties.</summary>
public sealed record ModelCase(
    int Layers, int KeyValueHeads, int Groups, int HeadWidth, int Hidden, int Intermediate, int Vocabulary,
    bool Tied, bool QueryKeyValueBias, bool OutputBias, bool FeedForwardBias, bool QueryKeyNorm, int? Window, RopeKind Rope,
    int? PaddingToken, int Rows, int Sequence, bool Packed, int Seed)
{
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

    /// <summary>A random micro-batch; about a third of the targets are -100, but never all.</summary>
    public (long[] Ids, long[] Targets, long[] Positions, long[]? Documents, int Rows, int Sequence) Batch(int index = 0)
    {
        var random = new Random(HashCode.Combine(Seed, index));
        var count = Rows * Sequence;
        var ids = Enumerable.Range(0, count).Select(_ => (long)random.Next(Vocabulary)).ToArray();
        var targets = ids.Select(_ => random.Next(3) == 0 ? -100L : random.Next(Vocabulary)).ToArray();
        targets[random.Next(count)] = random.Next(Vocabulary);
        var (positions, documents) = (new long[count], new long[count]);
        for (var place = 0; place < count; place++)
        {
            var start = place % Sequence == 0;
            var next = start || (Packed && random.Next(4) == 0);
            documents[place] = start ? 0 : documents[place - 1] + (next ? 1 : 0);
            positions[place] = next ? 0 : positions[place - 1] + 1;
        }

        return (ids, targets, positions, Packed ? documents : null, Rows, Sequence);
    }
}

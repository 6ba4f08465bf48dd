namespace Horizon.Flow.Models.Common;

/// <summary>What must hold of a configuration, wherever it came from, before memory is laid out by it.</summary>
public static class DecoderRules
{
    /// <summary>Refuses numbers that contradict each other or whose bytes would not fit 64 bits.</summary>
    /// <exception cref="HorizonException">The first rule that is broken.</exception>
    public static void Check(ModelConfig config)
    {
        ArgumentNullException.ThrowIfNull(config);
        (string Name, int Value)[] counts =
        [
            ("vocabulary", config.VocabularySize), ("hidden size", config.HiddenSize), ("intermediate size", config.IntermediateSize),
            ("layers", config.LayerCount), ("heads", config.HeadCount), ("key/value heads", config.KeyValueHeadCount),
            ("head width", config.HeadDimension), ("sequence length", config.MaximumSequenceLength),
        ];
        foreach (var (name, value) in counts)
            Require(value >= 1, config, $"{name} must be at least 1, not {value}");
        Require(config.HeadCount % config.KeyValueHeadCount == 0, config,
            $"heads ({config.HeadCount}) must be a multiple of key/value heads ({config.KeyValueHeadCount})");
        Require(config.HeadDimension % 2 == 0, config, $"head width ({config.HeadDimension}) must be even: the rotary embedding turns pairs");
        Require(config.SlidingWindows.Count == 0 || config.SlidingWindows.Count == config.LayerCount, config,
            $"{config.SlidingWindows.Count} sliding windows are given for {config.LayerCount} layers");
        Require(config.SlidingWindows.All(window => window is null or >= 1), config, "a sliding window must be at least 1");
        Require(config.PaddingToken is null || (config.PaddingToken >= 0 && config.PaddingToken < config.VocabularySize), config,
            $"the padding token {config.PaddingToken} is not in the vocabulary of {config.VocabularySize}");
        var parameters = Parameters(config);
        Require(parameters < long.MaxValue / 32.0, config, $"{parameters:N0} parameters are too many");
    }

    // double: no product overflows, and a rounding does not matter here.
    private static double Parameters(ModelConfig config)
    {
        double hidden = config.HiddenSize;
        var attention = 2 * hidden * config.HeadDimension * ((double)config.HeadCount + config.KeyValueHeadCount);
        var layer = attention + (3 * hidden * config.IntermediateSize);
        return (config.LayerCount * layer) + (2 * hidden * config.VocabularySize);
    }

    private static void Require(bool holds, ModelConfig config, string otherwise)
    {
        if (!holds) throw new HorizonException($"this {config.Architecture} cannot be built: {otherwise}; see its config.json");
    }
}

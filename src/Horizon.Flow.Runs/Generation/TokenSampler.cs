namespace Horizon.Flow.Runs.Generation;

/// <summary>
/// Chooses the next token. At temperature 0 it is the likeliest (of equals, the one with the lowest id). Above, one number u in [0, 1) is
/// drawn for each token, and the token is the first, in the order of the ids, at which the summed probabilities softmax(logits / T)
/// exceed u. u comes from SplitMix64 (Steele, Lea and Flood 2014), so that a seed gives the same text with every version of .NET.
/// </summary>
/// <param name="temperature">T, 0 or more.</param>
/// <param name="seed">Where the numbers start.</param>
public sealed class TokenSampler(double temperature, long seed)
{
    private const ulong Gamma = 0x9E3779B97F4A7C15;

    private ulong _state = Mix((ulong)seed + Gamma);

    /// <summary>The id of the next token.</summary>
    /// <param name="logits">[vocabulary], finite.</param>
    public int Next(ReadOnlySpan<float> logits)
    {
        var likeliest = 0;
        for (var id = 1; id < logits.Length; id++)
            if (logits[id] > logits[likeliest]) likeliest = id;
        return temperature == 0 ? likeliest : Draw(logits, logits[likeliest]);
    }

    private int Draw(ReadOnlySpan<float> logits, double highest)
    {
        var total = 0.0;
        foreach (var logit in logits) total += Math.Exp((logit - highest) / temperature);
        var threshold = Uniform() * total;
        var (sum, last) = (0.0, 0);
        for (var id = 0; id < logits.Length; id++)
        {
            var weight = Math.Exp((logits[id] - highest) / temperature);
            if (weight == 0) continue;
            sum += weight;
            last = id;
            if (sum > threshold) break;
        }

        return last;
    }

    // 53 bits, as many as a double has.
    private double Uniform() => (Mix(_state += Gamma) >> 11) * (1.0 / (1UL << 53));

    private static ulong Mix(ulong z)
    {
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return z ^ (z >> 31);
    }
}

using Horizon.Flow.Host.Numerics;

namespace Horizon.Flow.Runs.Generation;

/// <summary>
/// Chooses the next token. At temperature 0 it is the likeliest (of equals, the one with the lowest id). Above, one number u in [0, 1) is
/// drawn for each token, and the token is the first, in the order of the ids, at which the summed probabilities softmax(logits / T)
/// exceed u. What the options rule out has no probability. u comes from SplitMix64 (Steele, Lea and Flood 2014), so that a seed gives the same text with every version of .NET.
/// </summary>
public sealed class TokenSampler
{
    private readonly GenerationOptions _options;
    private ulong _state;

    /// <summary>Creates one that follows the temperature alone.</summary>
    /// <param name="temperature">T, 0 or more.</param>
    /// <param name="seed">Where the numbers start.</param>
    public TokenSampler(double temperature, long seed)
        : this(new GenerationOptions { Temperature = temperature, Seed = seed })
    {
    }

    /// <summary>Creates one.</summary>
    /// <param name="options">Temperature, seed, and which tokens can be chosen: first the repetition penalty, then the temperature, then the
    /// likeliest <see cref="GenerationOptions.TopK"/>, then <see cref="GenerationOptions.TopP"/> of what is left, then <see cref="GenerationOptions.MinP"/>.</param>
    public TokenSampler(GenerationOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        _options = options;
        _state = SplitMix.Step((ulong)options.Seed);
    }

    /// <summary>The id of the next token.</summary>
    /// <param name="logits">[vocabulary], finite.</param>
    /// <param name="context">The ids so far, for the repetition penalty.</param>
    public int Next(ReadOnlySpan<float> logits, IEnumerable<int>? context = null)
    {
        if (_options.RepetitionPenalty != 1 && context is not null) logits = Penalized(logits, context);
        var likeliest = 0;
        for (var id = 1; id < logits.Length; id++)
            if (logits[id] > logits[likeliest]) likeliest = id;
        return _options.Temperature == 0 ? likeliest : Draw(logits, logits[likeliest]);
    }

    private int Draw(ReadOnlySpan<float> logits, double highest)
    {
        var weights = new double[logits.Length];
        for (var id = 0; id < weights.Length; id++) weights[id] = Math.Exp((logits[id] - highest) / _options.Temperature);
        if (_options.TopK > 0 || _options.TopP < 1) KeepLikeliest(weights);
        if (_options.MinP > 0)
            foreach (ref var weight in weights.AsSpan())
                if (weight < _options.MinP) weight = 0; // the likeliest weighs 1
        var total = 0.0;
        foreach (var weight in weights) total += weight;
        var threshold = Uniform() * total;
        var (sum, last) = (0.0, 0);
        for (var id = 0; id < weights.Length; id++)
        {
            if (weights[id] == 0) continue;
            sum += weights[id];
            last = id;
            if (sum > threshold) break;
        }

        return last;
    }

    // Of tokens equally likely the one with the lower id counts first.
    private void KeepLikeliest(double[] weights)
    {
        var total = weights.Sum();
        var order = Candidates(weights, total);
        Array.Sort(Array.ConvertAll(order, id => (-weights[id], id)), order);
        var count = _options.TopK > 0 ? Math.Min(_options.TopK, order.Length) : order.Length;
        var needed = _options.TopP * (_options.TopK > 0 ? order.Take(count).Sum(id => weights[id]) : total);
        var (kept, sum) = (0, 0.0);
        while (kept < count && (kept == 0 || sum < needed)) sum += weights[order[kept++]];
        var left = Array.ConvertAll(order[..kept], id => weights[id]);
        Array.Clear(weights);
        for (var i = 0; i < kept; i++) weights[order[i]] = left[i];
    }

    // All that can be among the likeliest, the likeliest of which weighs 1: a vocabulary is long, and few of its tokens need to be put in order.
    private int[] Candidates(double[] weights, double total)
    {
        const double Step = 1e-3;
        for (var least = Step; least > double.Epsilon; least *= Step)
        {
            var (count, sum) = (0, 0.0);
            foreach (var weight in weights)
            {
                if (weight < least) continue;
                count++;
                sum += weight;
            }

            if (_options.TopK > 0 ? count < Math.Min(_options.TopK, weights.Length) : sum < _options.TopP * total) continue;
            var found = new int[count];
            for (int id = 0, next = 0; id < weights.Length; id++)
                if (weights[id] >= least) found[next++] = id;
            return found;
        }

        return [.. Enumerable.Range(0, weights.Length)];
    }

    private float[] Penalized(ReadOnlySpan<float> logits, IEnumerable<int> context)
    {
        var changed = logits.ToArray();
        var penalty = (float)_options.RepetitionPenalty;
        foreach (var id in context.Where(id => (uint)id < (uint)changed.Length).Distinct()) changed[id] = changed[id] > 0 ? changed[id] / penalty : changed[id] * penalty;
        return changed;
    }

    // 53 bits, as many as a double has.
    private double Uniform() => (SplitMix.Mix(_state += SplitMix.Gamma) >> 11) * (1.0 / (1UL << 53));
}

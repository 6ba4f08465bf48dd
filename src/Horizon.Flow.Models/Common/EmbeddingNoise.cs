using Horizon.Flow.Units;
using static TorchSharp.torch;

namespace Horizon.Flow.Models.Common;

// Letters: T tokens, H hidden.

/// <summary>
/// NEFTune (Jain et al. 2023, arXiv 2310.05914): even noise on the embeddings of a document, at most alpha / sqrt(L H) of L tokens of width H. Each number is
/// SplitMix64 of the batch's seed and the number's place, so that it is the same on every device and in every recomputation.
/// </summary>
internal static class EmbeddingNoise
{
    // Numbers at a time: what is between a place and its noise takes 8 bytes each.
    private const long AtOnce = 1 << 20;
    private const int Bits = 24;

    /// <summary>[T, H] embeddings with noise, in their type, in the caller's dispose scope.</summary>
    /// <param name="embeddings_TH">The embeddings.</param>
    /// <param name="batch">Has a seed.</param>
    /// <param name="alpha">How much.</param>
    public static Tensor Add(Tensor embeddings_TH, DeviceBatch batch, double alpha)
    {
        using var scope = NewDisposeScope();
        var (tokens, width) = (embeddings_TH.shape[0], embeddings_TH.shape[1]);
        var limit_T1 = batch.Shared(("embedding noise", alpha, width), () => Limits(batch, alpha, width)).unsqueeze(1);
        var noisy_TH = empty_like(embeddings_TH);
        var rows = Math.Max(1, AtOnce / width);
        for (long first = 0; first < tokens; first += rows)
        {
            using var piece = NewDisposeScope();
            var count = Math.Min(rows, tokens - first);
            var noise = Even(batch.Seed!.Value, first * width, count * width, embeddings_TH.device).view(count, width) * limit_T1.narrow(0, first, count);
            noisy_TH.narrow(0, first, count).copy_(embeddings_TH.narrow(0, first, count).to(float32).Plus(noise));
        }

        return noisy_TH.MoveToOuterDisposeScope();
    }

    /// <summary>[count] fp32: even numbers from -1 to below 1, which have 24 bits.</summary>
    /// <param name="seed">Where they begin.</param>
    /// <param name="first">The place of the first.</param>
    /// <param name="count">How many.</param>
    /// <param name="device">Where.</param>
    public static Tensor Even(long seed, long first, long count, Device device)
    {
        using var scope = NewDisposeScope();
        // Products of int64 keep their low 64 bits, signed or not.
        var state = TensorArithmetic.Range(count, device: device).Plus(first + 1).Times(unchecked((long)0x9E3779B97F4A7C15)).Plus(seed);
        state = Folded(state, 30).Times(unchecked((long)0xBF58476D1CE4E5B9));
        state = Folded(state, 27).Times(unchecked((long)0x94D049BB133111EB));
        return Shifted(Folded(state, 31), 64 - Bits).to(float32).Times(1.0 / (1 << (Bits - 1))).Minus(1).MoveToOuterDisposeScope();
    }

    private static Tensor Folded(Tensor x, int bits) => x.bitwise_xor(Shifted(x, bits));

    // Shifted as unsigned numbers are.
    private static Tensor Shifted(Tensor x, int bits) => x.bitwise_right_shift(Number(x, bits)).bitwise_and(Number(x, (1L << (64 - bits)) - 1));

    private static Tensor Number(Tensor like, long value) => zeros([], int64, like.device).FillInPlace(value);

    private static Tensor Limits(DeviceBatch batch, double alpha, long width)
    {
        var spans = batch.Spans;
        var limits = Enumerable.Range(0, spans.Count).SelectMany(document =>
            Enumerable.Repeat((float)(alpha / Math.Sqrt((double)spans.LengthOf(document) * width)), spans.LengthOf(document)));
        return tensor([.. limits], float32, batch.InputIds.device);
    }
}

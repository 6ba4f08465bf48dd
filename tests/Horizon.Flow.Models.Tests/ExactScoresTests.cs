using FsCheck;
using FsCheck.Xunit;
using Horizon.Flow.Models.Attention;
using Horizon.Flow.Units;
using static TorchSharp.torch;

namespace Horizon.Flow.Models.Tests;

/// <summary>Where nothing divides the scores, fp32 on a CPU has the softmax itself and no kernel's approximation of it.</summary>
public class ExactScoresTests
{
    [Property(MaxTest = 60)]
    public void Mix_ScoresThatNothingDivides_HasTheBitsOfTheSoftmax(PositiveInt rows, PositiveInt length, PositiveInt heads, bool narrow, int seed)
    {
        using var scope = NewDisposeScope();
        var (B, S, K, D) = (1 + (rows.Get % 2), 1 + (length.Get % 12), 1 + (heads.Get % 2), 4);
        var window = narrow ? 1 + (length.Get % 4) : (int?)null;
        var random = new Random(seed);
        Tensor Draw(int count) => tensor(Enumerable.Range(0, B * S * count * D).Select(_ => (float)(6 * (random.NextDouble() - 0.5))).ToArray(), [B, S, count, D]);
        var (query, key, value) = (Draw(2 * K), Draw(K), Draw(K));
        long[] ids = new long[B * S];
        using var batch = UnitWalk.Batch(new MicroBatch(B, S, ids, ids, [.. Enumerable.Range(0, B * S).Select(place => (long)(place % S))]));

        var mixed = CausalMixing.Mix(query, key, value, 1, window, batch);

        var seen = Enumerable.Range(0, S * S).Select(at => at % S <= at / S && (window is not { } width || at / S - (at % S) < width)).ToArray();
        var hidden = tensor(seen, [S, S]).logical_not();
        var scores = matmul(query.transpose(1, 2), key.repeat_interleave(2, 2).transpose(1, 2).transpose(2, 3)).With(double.NegativeInfinity, (x, nothing) => x.masked_fill(hidden, nothing));
        var expected = matmul(softmax(scores, -1), value.repeat_interleave(2, 2).transpose(1, 2)).transpose(1, 2);
        Assert.Equal(expected.contiguous().data<float>().ToArray(), mixed.contiguous().data<float>().ToArray());
    }
}

using FsCheck;
using Horizon.Flow.Runs.Generation;
using Horizon.Flow.Tests.Shared;

namespace Horizon.Flow.Runs.Tests.Generation;

public class TokenSamplerTests
{
    [Fact]
    public void Next_Temperature_DrawsByTheSoftmax()
    {
        const int Draws = 200_000;
        float[] logits = [0, 1, 2, float.MinValue];
        var sampler = new TokenSampler(temperature: 2, seed: 5);
        var counts = new int[logits.Length];
        for (var i = 0; i < Draws; i++) counts[sampler.Next(logits)]++;
        var weights = logits.Select(logit => Math.Exp(logit / 2.0)).ToArray();
        // Five standard deviations of a share, at most.
        Assert.All(weights.Zip(counts), pair => Assert.Equal(pair.First / weights.Sum(), pair.Second / (double)Draws, 5 * 0.5 / Math.Sqrt(Draws)));
        Assert.Equal(0, counts[3]);
    }

    /// <summary>What can be chosen is what the definitions leave, written down once more in the plainest way.</summary>
    [Cases(200)]
    public void Next_Filters_ChooseAmongWhatTheyLeave(NonEmptyArray<byte> numbers, byte k, byte p, byte m, int seed)
    {
        float[] logits = [.. numbers.Get.Take(12).Select(number => number / 40f)];
        var (topK, topP, minP) = (k % 6, 1 - (p % 10 / 10.0), m % 10 / 10.0);
        var weights = logits.Select(logit => Math.Exp(logit)).ToArray();
        var order = Enumerable.Range(0, logits.Length).OrderByDescending(id => logits[id]).ThenBy(id => id).Take(topK == 0 ? logits.Length : topK).ToList();
        var (all, sum, allowed) = (order.Sum(id => weights[id]), 0.0, new HashSet<int>());
        foreach (var id in order)
        {
            if (allowed.Count > 0 && sum >= (topP * all) + 1e-9) break;
            sum += weights[id];
            if (weights[id] >= (minP * weights.Max()) - 1e-9) allowed.Add(id);
        }

        var sampler = new TokenSampler(new GenerationOptions { Temperature = 1, TopK = topK, TopP = topP, MinP = minP, Seed = seed });
        for (var i = 0; i < 40; i++) Assert.Contains(sampler.Next(logits), allowed);
    }

    [Fact]
    public void Next_RepetitionPenalty_MakesWhatWasThereLessLikely()
    {
        var sampler = new TokenSampler(new GenerationOptions { Temperature = 0, RepetitionPenalty = 2 });
        Assert.Equal(1, sampler.Next([3f, 2f, -1f], [0, 0]));
        Assert.Equal(0, sampler.Next([3f, 1f, -1f], [0, 7]));
        Assert.Equal(2, sampler.Next([-1f, -1.5f, -1.9f], [0, 1]));
    }

    /// <summary>Whatever the pieces, the text ends in front of the first stop string that it holds.</summary>
    [Cases(300)]
    public void StopText_AnyPieces_EndsInFrontOfTheFirst(byte[] letters, byte[] cuts)
    {
        var text = string.Concat(letters.Select(letter => (char)('a' + (letter % 3))));
        string[] stops = ["abca", "bb", "ccab"];
        var end = stops.Select(stop => text.IndexOf(stop, StringComparison.Ordinal)).Where(at => at >= 0).DefaultIfEmpty(text.Length).Min();
        var (stop, found, at) = (new StopText(stops), "", 0);
        foreach (var cut in cuts.Select(cut => 1 + (cut % 4)).Append(int.MaxValue))
        {
            var next = (int)Math.Min(text.Length, at + (long)cut);
            found += stop.Append(text[at..next]);
            at = next;
            if (stop.IsStopped) break;
        }

        found += stop.Flush();
        // A stop string that is whole sooner ends the text, though another one began before it.
        Assert.StartsWith(found, text, StringComparison.Ordinal);
        Assert.True(stop.IsStopped ? stops.Any(one => text[found.Length..].StartsWith(one, StringComparison.Ordinal)) : end == text.Length);
        if (!stop.IsStopped) Assert.Equal(text, found);
    }

    [Cases]
    public bool Next_Zero_IsTheFirstOfTheLikeliest(NonEmptyArray<int> logits, int seed) =>
        new TokenSampler(0, seed).Next([.. logits.Get.Select(logit => (float)logit)]) == Array.IndexOf(logits.Get, logits.Get.Max());

    [Cases]
    public bool Next_TinyTemperature_IsALikeliest(NonEmptyArray<int> logits, int seed) =>
        logits.Get[new TokenSampler(1e-300, seed).Next([.. logits.Get.Select(logit => (float)logit)])] == logits.Get.Max();
}

using FsCheck;
using Horizon.Flow.Tests.Shared;
using Horizon.Flow.Text.Data;
using Horizon.Flow.Text.Preferences;

namespace Horizon.Flow.Text.Tests.Preferences;

/// <summary>Preferences as micro-batches: twos that stay together, every one once an epoch, always the same.</summary>
public class PreferenceBatchesTests
{
    [Cases(50)]
    public void Of_Pairs_EveryPairOnceAnEpochInTwos(PositiveInt pairs, PositiveInt size, int seed, bool shuffle, NonNegativeInt epoch)
    {
        var batches = PreferenceBatches.Of([.. Enumerable.Range(0, pairs.Get).Select(i => new PreferencePair(Document(i, 2 + (i % 3)), Document(i, 3 + (i % 2))))], size.Get, shuffle ? seed : null);
        var seen = new List<long>();
        for (var index = 0; index < batches.MicroBatchesPerEpoch; index++)
        {
            var batch = batches.GetMicroBatch(epoch.Get % 5, index);
            var firsts = batch.Positions.Index().Where(place => place.Item == 0).Select(place => batch.InputIds[place.Index]).ToList();
            Assert.Equal(0, firsts.Count % 2);
            Assert.All(firsts.Chunk(2), two => Assert.Equal(two[0], two[1]));
            Assert.All(batch.LabelledBySequence, count => Assert.True(count > 0));
            Assert.Equal(firsts.Count, batch.LabelledBySequence.Count);
            seen.AddRange(firsts.Chunk(2).Select(two => two[0]));
            Assert.Equal(batch.InputIds, batches.GetMicroBatch(epoch.Get % 5, index).InputIds);
        }

        Assert.Equal(Enumerable.Range(0, pairs.Get).Select(i => (long)i), seen.Order());
        if (!shuffle) Assert.Equal(seen.Order(), seen);
    }

    [Cases(50)]
    public void Of_RatedAnswers_PairsEachPromptWithTheNextAnswer(PositiveInt answers, PositiveInt size, int seed)
    {
        var count = answers.Get + 1;
        var batches = PreferenceBatches.Of([.. Enumerable.Range(0, count).Select(i => new RatedAnswer(Document(i, 4 + (i % 3)), i % 2 == 0))], size.Get, longest: 5, seed);
        for (var index = 0; index < batches.MicroBatchesPerEpoch; index++)
        {
            var batch = batches.GetMicroBatch(0, index);
            var starts = batch.Positions.Index().Where(place => place.Item == 0).Select(place => place.Index).ToList();
            var desirable = batch.Columns[PreferenceBatches.DesirableColumn];
            Assert.Equal(starts.Count / 2, desirable.Length);
            for (var i = 0; i < desirable.Length; i++)
            {
                var example = batch.InputIds[starts[2 * i]];
                Assert.Equal(example % 2 == 0 ? 1 : 0, desirable[i]);
                var mismatched = starts[(2 * i) + 1];
                Assert.Equal(example, batch.InputIds[mismatched]);
                Assert.Equal(1000 + ((example + 1) % count), batch.Targets[mismatched + 1]);
                Assert.InRange((2 * i) + 2 < starts.Count ? starts[(2 * i) + 2] - mismatched : batch.InputIds.Length - mismatched, 3, 5);
            }
        }
    }

    [Cases(50)]
    public void MostTokens_AnyEpochAndSize_IsNoLessThanAnyMicroBatch(PositiveInt pairs, PositiveInt size, int seed)
    {
        IReadOnlyList<PreferencePair> all = [.. Enumerable.Range(0, pairs.Get).Select(i => new PreferencePair(Document(i, 2 + (i % 5)), Document(i, 3 + (i % 7))))];
        var batches = PreferenceBatches.Of(all, size.Get, seed);
        var most = Enumerable.Range(0, 3).SelectMany(epoch => Enumerable.Range(0, batches.MicroBatchesPerEpoch).Select(index => batches.GetMicroBatch(epoch, index).TokenCount)).Max();
        Assert.InRange(most, 1, batches.MostTokens(3));
        Assert.Equal(batches.MostTokens(3), PreferenceBatches.Of(all, 1000, seed).MostTokens(1, size.Get));
        Assert.Equal(batches.Summary.Tokens, PreferenceBatches.Of(all, pairs.Get).MostTokens(1));
    }

    [Cases(50)]
    public void HoldOut_AnyShare_SplitsOnceAndInOrder(PositiveInt count, int seed, byte percent)
    {
        var share = (1 + (percent % 98)) / 100.0;
        var set = new PreferenceSet<string>([.. Enumerable.Range(0, count.Get + 50).Select(i => $"{i:D4}")], 0, 0, []);
        var (kept, heldOut) = set.HoldOut(share, seed);
        Assert.Equal(set.Examples, kept.Concat(heldOut).Order(StringComparer.Ordinal));
        Assert.Equal(kept.Order(StringComparer.Ordinal), kept);
        Assert.InRange(heldOut.Count - (share * set.Examples.Count), -0.5, 1);
        Assert.Equal(heldOut, set.HoldOut(share, seed).HeldOut);
        Assert.Throws<HorizonException>(() => new PreferenceSet<string>(["one"], 0, 0, []).HoldOut(share, seed));
    }

    [Fact]
    public void Of_TooFew_IsRefused()
    {
        Assert.Throws<HorizonException>(() => PreferenceBatches.Of(Array.Empty<PreferencePair>(), 1));
        Assert.Throws<HorizonException>(() => PreferenceBatches.Of([new RatedAnswer(Document(0, 4), true)], 1, longest: 8));
        Assert.Throws<HorizonException>(() => PreferenceBatches.Of([new RatedAnswer(Document(0, 4), true), new RatedAnswer(Document(1, 4), true)], 1, longest: 2));
    }

    // Two tokens of a prompt, its number first, and an answer that names it.
    private static TokenDocument Document(int number, int length) => new(
        [number, 7, .. Enumerable.Repeat(1000 + number, length - 1)], [-100, -100, .. Enumerable.Repeat(1000 + number, length - 1)]);
}

using FsCheck;
using FsCheck.Xunit;
using Horizon.Flow.Text.Data;
using Horizon.Flow.Text.Preferences;

namespace Horizon.Flow.Text.Tests.Preferences;

/// <summary>Preferences as micro-batches: twos that stay together, every one once an epoch, always the same.</summary>
public class PreferenceBatchesTests
{
    [Property(MaxTest = 50)]
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

    [Property(MaxTest = 50)]
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

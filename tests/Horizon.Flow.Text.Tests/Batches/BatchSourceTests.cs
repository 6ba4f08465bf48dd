using Horizon.Flow.Tests.Shared;
using Horizon.Flow.Text.Batches;
using Horizon.Flow.Text.Data;

namespace Horizon.Flow.Text.Tests;

/// <summary>What must hold for every data set, row length, batch size and seed.</summary>
public class BatchSourceTests
{
    // Computed by a few lines of Python; a change here would change every run's order.
    private static readonly int[] OrderOfSeed42 = [2, 6, 5, 0, 1, 4, 7, 3];

    [Cases(300, Arbitrary = [typeof(DataSet)])]
    public void GetMicroBatch_Packed_EveryLabelIsATargetOnceWithItsOwnPast(DataSet data)
    {
        var source = Source(data, packing: true);
        var seen = new List<(int Document, int Place)>();
        foreach (var batch in Epoch(source, 0))
        {
            AssertShape(batch, data.SequenceLength);
            for (var row = 0; row < batch.Rows; row++)
            {
                // The tokens of one document number of a row are a run of consecutive tokens of one document.
                for (int at = row * batch.SequenceLength, end = at + batch.SequenceLength; at < end;)
                {
                    if (IsPadding(batch, at)) break;
                    var (document, place) = data.Find(batch.InputIds[at]);
                    for (var i = 0; at < end && !IsPadding(batch, at) && (i == 0 || batch.Positions[at] != 0); i++, at++)
                    {
                        Assert.Equal((document, place + i), data.Find(batch.InputIds[at]));
                        Assert.Equal(i, batch.Positions[at]);
                        Assert.Equal(data.Documents[document].Labels[place + i + 1], batch.Targets[at]);
                        if (batch.Targets[at] != -100) seen.Add((document, place + i + 1));
                        if (i > 0) Assert.Equal(batch.Documents?[at - 1], batch.Documents?[at]);
                        else if (at > row * batch.SequenceLength) Assert.NotEqual(batch.Documents![at - 1], batch.Documents[at]);
                    }
                }
            }
        }

        var expected = data.Documents.SelectMany((d, n) => d.Labels.Index().Skip(1).Where(l => l.Item != -100).Select(l => (n, l.Index)));
        Assert.Equal(expected.Order(), seen.Order());
        Assert.Equal(seen.Count, source.Summary.LabelledTokens);
    }

    /// <summary>What memory is planned for: no micro-batch of these epochs has more tokens, and one has as many; of another size as of a source of that size.</summary>
    [Cases(100, Arbitrary = [typeof(DataSet)])]
    public void MostTokens_OfAnyEpochs_AreThoseOfTheLargestMicroBatch(DataSet data, bool packing, bool shuffle, FsCheck.PositiveInt epochs)
    {
        var count = 1 + (epochs.Get % 4);
        var source = Source(data, packing, shuffle);
        var largest = Enumerable.Range(0, count).SelectMany(epoch => Epoch(source, epoch)).Max(batch => (long)batch.Rows * batch.SequenceLength);
        Assert.Equal(largest, source.MostTokens(count));
        Assert.Equal(largest, Source(data with { BatchSize = data.BatchSize + 3 }, packing, shuffle).MostTokens(count, data.BatchSize));
    }

    /// <summary>transformers' LengthGroupedSampler (trainer_pt_utils.get_length_grouped_indices) on the order that is drawn, and the same rows as without.</summary>
    [Cases(200, Arbitrary = [typeof(DataSet)])]
    public void GetMicroBatch_GroupedByLength_IsTheSamplersOrder(DataSet data, bool shuffle)
    {
        BatchSource Grouped(bool isGrouped) => BatchSource.FromDocuments(
            data.Documents, new DataOptions { Path = "a set", SequenceLength = data.SequenceLength, Packing = false, Shuffle = shuffle, GroupByLength = isGrouped }, data.BatchSize, data.Seed);
        var (plain, grouped) = (Grouped(false), Grouped(true));
        for (var epoch = 0; epoch < 2; epoch++)
        {
            var order = Rows(plain, epoch);
            var mult = Math.Min(order.Count / (data.BatchSize * 4), 50);
            if (mult == 0) mult = 1;
            var megabatches = order.Chunk(mult * data.BatchSize).Select(piece => piece.OrderByDescending(row => row.Length).ToArray()).ToList();
            var maximums = megabatches.ConvertAll(piece => piece[0].Length);
            var longest = maximums.IndexOf(maximums.Max());
            (megabatches[0][0], megabatches[longest][0]) = (megabatches[longest][0], megabatches[0][0]);
            Assert.Equal(megabatches.SelectMany(piece => piece), Rows(grouped, epoch));
        }

        Assert.Equal(Epoch(grouped, 0).Max(batch => (long)batch.Rows * batch.SequenceLength), grouped.MostTokens(1));
    }

    // Each row's tokens; a micro-batch of uneven rows lies in one, a document after the other.
    private static List<string> Rows(BatchSource source, int epoch) => [.. Epoch(source, epoch).SelectMany(batch =>
        Enumerable.Range(0, batch.InputIds.Length).Where(at => batch.Positions[at] == 0).Select(at => new string(
            [.. Enumerable.Range(at, batch.InputIds.Length - at).TakeWhile(i => i == at || batch.Positions[i] != 0).Select(i => (char)batch.InputIds[i])])))];

    /// <summary>The same for the same tokens and labels, however they are cut into rows; another where one of them differs.</summary>
    [Cases(100, Arbitrary = [typeof(DataSet)])]
    public void Fingerprint_OfTheSameAndOfOtherTokens(DataSet data, FsCheck.NonNegativeInt where, bool isLabel)
    {
        var fingerprint = Source(data, packing: true).Fingerprint;
        Assert.Equal(fingerprint, Source(data with { BatchSize = data.BatchSize + 1 }, packing: false).Fingerprint);
        var changed = data.Documents.Select(document => new TokenDocument([.. document.InputIds], [.. document.Labels])).ToList();
        var document = changed.Where(one => one.InputIds.Length > 2).ElementAtOrDefault(0) ?? changed[0];
        (isLabel ? document.Labels : document.InputIds)[where.Get % document.InputIds.Length] += 7;
        Assert.NotEqual(fingerprint, Source(data with { Documents = changed }, packing: true).Fingerprint);
    }

    [Cases(200, Arbitrary = [typeof(DataSet)])]
    public void GetMicroBatch_NotPacked_OneDocumentAfterAnotherInFileOrder(DataSet data)
    {
        var source = Source(data, packing: false, shuffle: false);
        var kept = data.Documents.Where(d => d.Labels.Take(data.SequenceLength).Skip(1).Any(l => l != -100)).ToList();
        var row = 0;
        foreach (var batch in Epoch(source, 3))
        {
            AssertShape(batch, data.SequenceLength);
            for (var at = 0; at < batch.InputIds.Length; row++)
            {
                var length = Math.Min(kept[row].InputIds.Length, data.SequenceLength);
                Assert.Equal(kept[row].InputIds.Take(length).Select(id => (long)id), batch.InputIds[at..(at + length)]);
                for (var i = 0; i < length; i++, at++)
                {
                    Assert.Equal(i, batch.Positions[at]);
                    Assert.Equal(i + 1 < length ? kept[row].Labels[i + 1] : -100, batch.Targets[at]);
                }
            }
        }

        Assert.Equal(kept.Count, row);
        Assert.Equal(kept.Count(d => d.InputIds.Length > data.SequenceLength), source.Summary.CutDocuments);
        Assert.Equal(data.Documents.Count - kept.Count, source.Summary.DroppedDocuments);
    }

    [Cases(200, Arbitrary = [typeof(DataSet)])]
    public void GetMicroBatch_SameSeed_SameBatchesInAnyOrderOfAsking(DataSet data, bool packing)
    {
        var (one, other) = (Source(data, packing), Source(data, packing));
        for (var index = one.MicroBatchesPerEpoch(5) - 1; index >= 0; index--)
        {
            other.GetMicroBatch(index, 0);
            var (a, b) = (one.GetMicroBatch(5, index), other.GetMicroBatch(5, index));
            Assert.Equal(a.InputIds, b.InputIds);
            Assert.Equal(a.Targets, b.Targets);
        }
    }

    [Cases(200, Arbitrary = [typeof(DataSet)])]
    public void GetMicroBatch_EveryEpoch_HoldsTheSameTargets(DataSet data, bool packing)
    {
        var source = Source(data, packing);
        var first = Targets(0);
        Assert.Equal(source.Summary.LabelledTokens, first.Count);
        Assert.Equal(first, Targets(1));
        Assert.Equal(source.Summary.Tokens, Epoch(source, 2).Sum(b => (long)b.TokenCount));

        List<long> Targets(int epoch) => [.. Epoch(source, epoch).SelectMany(b => b.Targets).Where(t => t != -100).Order()];
    }

    [Cases(200, Arbitrary = [typeof(DataSet)])]
    public void GetMicroBatch_PackedWithoutShuffle_KeepsFileOrder(DataSet data)
    {
        var ids = Epoch(Source(data, packing: true, shuffle: false), 1)
            .SelectMany(b => b.InputIds.Index().Where(i => !IsPadding(b, i.Index)).Select(i => i.Item)).ToList();
        Assert.Equal(ids.Order(), ids);
    }

    [Fact]
    public void GetMicroBatch_DifferentEpochsAndSeeds_DifferentOrders()
    {
        var documents = Enumerable.Range(0, 100).Select(i => new TokenDocument([i, i], [i, i])).ToList();
        var options = new DataOptions { Path = "p", SequenceLength = 2, Packing = false };
        var orders = new[] { (1L, 0), (1L, 1), (2L, 0) }.Select(o => string.Join(
            ',', Epoch(BatchSource.FromDocuments(documents, options, 7, o.Item1), o.Item2).SelectMany(b => b.InputIds)));
        Assert.Equal(3, orders.Distinct().Count());
    }

    [Fact]
    public void GetMicroBatch_LongText_PredictsAcrossTheBordersOfPieces()
    {
        var text = Enumerable.Range(10, 9).ToArray();
        var options = new DataOptions { Path = "p", SequenceLength = 4, Shuffle = false };
        var batch = BatchSource.FromDocuments([new TokenDocument(text, text)], options, 2, 0).GetMicroBatch(0, 0);
        Assert.Equal([10, 11, 12, 13, 14, 15, 16, 17], batch.InputIds);
        Assert.Equal([11, 12, 13, 14, 15, 16, 17, 18], batch.Targets);
        Assert.Equal([0, 1, 2, 3, 0, 1, 2, 3], batch.Positions);
        Assert.Null(batch.Documents);
    }

    /// <summary>A conversation is whole or its beginning: no row holds the later part of one without what came before.</summary>
    [Cases(200, Arbitrary = [typeof(DataSet)])]
    public void GetMicroBatch_PackedConversations_AreNeverTorn(DataSet data)
    {
        var talks = data with { Documents = [.. data.Documents.Select(document => document with { IsConversation = true })] };
        var (within, beyond) = (0, 0);
        foreach (var document in talks.Documents)
        {
            var labels = document.Labels.Skip(1).Select((label, i) => (label, i)).Where(label => label.label != -100).ToList();
            within += labels.Count(label => label.i < data.SequenceLength);
            if (labels.Exists(label => label.i < data.SequenceLength) && document.InputIds.Length - 1 > data.SequenceLength) beyond++;
        }

        if (within == 0) return;
        var source = Source(talks, packing: true);
        foreach (var batch in Epoch(source, 0))
        {
            for (var at = 0; at < batch.InputIds.Length; at++)
                if (!IsPadding(batch, at)) Assert.Equal(batch.Positions[at], data.Find(batch.InputIds[at]).Place);
        }

        Assert.Equal(within, source.Summary.LabelledTokens);
        Assert.Equal((beyond, 0), (source.Summary.CutDocuments, source.Summary.SplitDocuments));
        Assert.Equal(beyond > 0, source.Summary.Warnings.Any(warning => warning.Contains("cut off", StringComparison.Ordinal)));
    }

    [Theory]
    [InlineData(TooLong.Auto, true, false, 0, 1, 0, 9)]
    [InlineData(TooLong.Auto, true, true, 1, 0, 0, 5)]
    [InlineData(TooLong.Auto, false, false, 1, 0, 0, 5)]
    [InlineData(TooLong.Cut, true, false, 1, 0, 0, 5)]
    [InlineData(TooLong.Split, true, true, 0, 1, 0, 9)]
    [InlineData(TooLong.Split, false, true, 0, 1, 0, 9)]
    [InlineData(TooLong.Drop, true, true, 0, 0, 1, 1)]
    [InlineData(TooLong.Drop, false, false, 0, 0, 1, 1)]
    public void FromDocuments_LongerThanARow_IsCutSplitOrDropped(TooLong tooLong, bool packing, bool isConversation, int cut, int split, int overlong, int tokens)
    {
        var ids = Enumerable.Range(10, 9).ToArray();
        var options = new DataOptions { Path = "p", SequenceLength = 4, Packing = packing, TooLong = tooLong };
        var documents = new[] { new TokenDocument(ids, ids) { IsConversation = isConversation }, new TokenDocument([1, 2], [1, 2]) };
        var summary = BatchSource.FromDocuments(documents, options, 2, 0).Summary;
        Assert.Equal((cut, split, overlong), (summary.CutDocuments, summary.SplitDocuments, summary.OverlongDocuments));
        // Packed, the token after the row is a target too.
        Assert.Equal(tokens - (packing || split > 0 || overlong > 0 ? 0 : 1), summary.LabelledTokens);
    }

    [Fact]
    public void FromDocuments_ShortDocuments_FillRowsWell()
    {
        var random = new SplitMix64(1, 1);
        var documents = Enumerable.Range(0, 2000).Select(_ => new int[2 + random.Below(120)]).Select(ids => new TokenDocument(ids, ids)).ToList();
        var summary = BatchSource.FromDocuments(documents, new DataOptions { Path = "p", SequenceLength = 128 }, 1, 0).Summary;
        Assert.InRange(summary.Tokens / (128.0 * summary.Rows), 0.97, 1);
    }

    [Fact]
    public void FromDocuments_NothingToLearn_IsRefusedAndPartlyCounted()
    {
        var nothing = new TokenDocument([1, 2, 3], [1, -100, -100]);
        var options = new DataOptions { Path = "here.jsonl", Packing = false };
        var message = Assert.Throws<HorizonException>(() => BatchSource.FromDocuments([nothing], options, 1, 0)).Message;
        Assert.Contains("here.jsonl: nothing is to be learned", message, StringComparison.Ordinal);
        var summary = BatchSource.FromDocuments([nothing, new TokenDocument([1, 2], [1, 2])], options, 1, 0).Summary;
        Assert.Equal(1, summary.DroppedDocuments);
        Assert.Contains("1 of 2 documents are left out", Assert.Single(summary.Warnings), StringComparison.Ordinal);
    }

    [Fact]
    public void Permutation_KnownSeed_StaysAsItIs() => Assert.Equal(OrderOfSeed42, new SplitMix64(42, 0).Permutation(8));

    // Rows of one length, or all of it in one row; nothing is padded, and no document is longer than a row may be.
    private static void AssertShape(MicroBatch batch, int sequenceLength)
    {
        Assert.InRange(batch.SequenceLength, 1, batch.Rows == 1 ? int.MaxValue : sequenceLength);
        var size = batch.Rows * batch.SequenceLength;
        Assert.All([batch.InputIds.Length, batch.Targets.Length, batch.Positions.Length, batch.Documents?.Length ?? size], n => Assert.Equal(size, n));
        Assert.Equal(batch.Targets.Count(t => t != -100), batch.LabelledTokens);
        Assert.Equal(size, batch.TokenCount);
        Assert.DoesNotContain(Enumerable.Range(0, size), place => IsPadding(batch, place));
        Assert.All(batch.Positions, position => Assert.InRange(position, 0, sequenceLength - 1));
    }

    /// <summary>The documents of the tests hold no id 0.</summary>
    private static bool IsPadding(MicroBatch batch, int place) => batch.InputIds[place] == 0;

    private static IEnumerable<MicroBatch> Epoch(BatchSource source, int epoch) =>
        Enumerable.Range(0, source.MicroBatchesPerEpoch(epoch)).Select(index => source.GetMicroBatch(epoch, index));

    private static BatchSource Source(DataSet data, bool packing, bool shuffle = true) => BatchSource.FromDocuments(
        data.Documents,
        new DataOptions { Path = "p", SequenceLength = data.SequenceLength, Packing = packing, Shuffle = shuffle },
        data.BatchSize,
        data.Seed);
}

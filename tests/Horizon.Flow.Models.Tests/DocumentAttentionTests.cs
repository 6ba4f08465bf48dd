using FsCheck;
using Horizon.Flow.Devices;
using Horizon.Flow.Host.Store;
using Horizon.Flow.Testing;
using Horizon.Flow.Tests.Shared;
using Horizon.Flow.Units;

namespace Horizon.Flow.Models.Tests;

/// <summary>Documents of a row do not see each other, windows included, and where one begins is all that attention needs to know.</summary>
public class DocumentAttentionTests
{
    /// <summary>The log-probabilities of a packed micro-batch are those of each document alone.</summary>
    [Cases(25, Arbitrary = [typeof(ModelCases)])]
    public async Task LogProbabilities_OfPackedRows_AreThoseOfEachDocumentAlone(ModelCase random)
    {
        var @case = random with { Packed = true };
        var packed = @case.Batch();
        var (ids, targets, positions) = (packed.InputIds, packed.Targets, packed.Positions);
        var alone = Documents(packed.Documents!, packed.Rows, packed.SequenceLength).Select(span => new MicroBatch(
            1, span.Length, Part(ids, span), Part(targets, span), Part(positions, span))).Where(batch => batch.LabelledTokens > 0).ToList();
        var plan = TrainingPlan.For(ModelFamilies.Define(@case.Config)).Freeze(_ => true);
        using var store = plan.CreateStore(StorePrecision.Fp32);
        StoreValues.Write(store, @case.Parameters());
        using var device = new CpuDevice();
        await using var run = plan.Start(store, device);
        var together = (await run.LogProbabilitiesAsync([packed]))[0].Numbers;
        var each = (await run.LogProbabilitiesAsync(alone)).SelectMany(result => result.Numbers).ToArray();
        Assert.InRange(Numbers.RelativeError(each, together), 0, 1e-5);
    }

    [Cases(100)]
    public void Of_AnyRows_CoversEveryTokenOnceAndEndsWhereARowDoes(PositiveInt rows, PositiveInt length, int seed)
    {
        var (r, s) = (1 + (rows.Get % 5), 1 + (length.Get % 20));
        var random = new Random(seed);
        var documents = new long[r * s];
        for (var place = 0; place < documents.Length; place++) documents[place] = place % s == 0 ? 0 : documents[place - 1] + random.Next(2);
        using var spans = DocumentSpans.Of(documents, r, s, TorchSharp.torch.CPU);
        Assert.Equal((0, r * s), (spans.Starts[0], spans.Starts[^1]));
        Assert.Equal(Documents(documents, r, s).Select(span => span.Start), spans.Starts.SkipLast(1));
        Assert.Equal(Documents(documents, r, s).Max(span => span.Length), spans.Longest);
    }

    [Fact]
    public void MicroBatch_DocumentInTwoPieces_IsRefused()
    {
        var told = Assert.Throws<ArgumentException>(() => new MicroBatch(1, 3, [1, 2, 3], [-100, -100, 1], [0, 0, 1], [0, 1, 0]));
        Assert.Contains("document 0 of row 0 lies in two pieces", told.Message, StringComparison.Ordinal);
    }

    private static List<(int Start, int Length)> Documents(long[] documents, int rows, int sequence)
    {
        var found = new List<(int Start, int Length)>();
        for (var place = 0; place < rows * sequence; place++)
        {
            if (place % sequence == 0 || documents[place] != documents[place - 1]) found.Add((place, 1));
            else found[^1] = (found[^1].Start, found[^1].Length + 1);
        }

        return found;
    }

    private static long[] Part(long[] values, (int Start, int Length) span) => values[span.Start..(span.Start + span.Length)];
}

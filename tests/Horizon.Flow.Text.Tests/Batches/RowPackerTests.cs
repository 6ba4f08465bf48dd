using Horizon.Flow.Tests.Shared;
using Horizon.Flow.Text.Batches;

namespace Horizon.Flow.Text.Tests;

/// <summary>Rows against the plainest way to make them: checkpoints hang on their order.</summary>
public class RowPackerTests
{
    [Cases(300)]
    public void BestFit_AnySegments_AsTheDefinition(byte[] lengths, byte room)
    {
        var sequenceLength = 16 + (room % 32);
        var segments = lengths.Select((length, i) => new Segment(i, 0, 1 + (length % sequenceLength), 0)).ToList();
        var rows = new List<List<Segment>>();
        foreach (var segment in segments.OrderByDescending(segment => segment.Length))
        {
            var fits = rows.Where(row => row.Sum(one => one.Length) + segment.Length <= sequenceLength).MaxBy(row => row.Sum(one => one.Length));
            if (fits is null) rows.Add(fits = []);
            fits.Add(segment);
        }

        AssertRows(rows, RowPacker.BestFit(segments, sequenceLength));
    }

    /// <summary>
    /// Conversations, some 330 tokens each and none cut, fill their rows: no more rows than 98 % of the room takes, and one that is begun.
    /// </summary>
    [Cases(40)]
    public void BestFit_Chats_FillsTheRowsToNinetyEightPercent(int seed)
    {
        var random = new Random(seed);
        foreach (var sequenceLength in new[] { 1024, 2048, 4096, 8192, 32_768 })
        {
            var chats = Enumerable.Range(0, 1000).Select(i => new Segment(i, 0, ChatLength(random, sequenceLength), 0)).ToList();
            var rows = RowPacker.BestFit(chats, sequenceLength);
            Assert.InRange(rows.Count, 1, 1 + (int)Math.Ceiling(chats.Sum(chat => (double)chat.Length) / (0.98 * sequenceLength)));
            Assert.Equal(chats, Enumerable.Range(0, rows.Count).SelectMany(row => rows[row]).OrderBy(chat => chat.Document));
        }
    }

    [Cases(200)]
    public void InOrderAndOneEach_AnySegments_KeepTheOrder(byte[] lengths)
    {
        var segments = lengths.Select((length, i) => new Segment(i, 0, length % 20, 0)).ToList();
        AssertRows([.. segments.Select(segment => new List<Segment> { segment })], RowPacker.OneEach(segments));
        var rows = RowPacker.InOrder(segments, 20);
        Assert.Equal(segments, Enumerable.Range(0, rows.Count).SelectMany(row => rows[row]));
        Assert.All(Enumerable.Range(0, rows.Count), row => Assert.InRange(rows.Tokens(row), 0, 20));
        for (var row = 1; row < rows.Count; row++) Assert.True(rows.Tokens(row - 1) + rows[row][0].Length > 20);
    }

    // Log-normal.
    private static int ChatLength(Random random, int longest)
    {
        var normal = Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());
        return (int)Math.Clamp(Math.Exp(5.6 + (0.65 * normal)), 16, Math.Min(4000, longest));
    }

    private static void AssertRows(List<List<Segment>> expected, RowList actual)
    {
        Assert.Equal(expected.Count, actual.Count);
        for (var row = 0; row < actual.Count; row++) Assert.Equal(expected[row], actual[row]);
    }
}

using FsCheck;
using Horizon.Flow.Models.Attention;
using Horizon.Flow.Tests.Shared;
using Horizon.Flow.Units;
using static TorchSharp.torch;

namespace Horizon.Flow.Models.Tests;

public class DocumentGroupsTests
{
    /// <summary>Every document is in one group, and by the count of steps no way to take them is slower than all at once.</summary>
    [Cases(300)]
    public void Of_AnyDocuments_CoversAllAndIsNeverSlower(NonEmptyArray<PositiveInt> drawn, PositiveInt heads, PositiveInt multiprocessors, bool windowed)
    {
        int[] lengths = [.. drawn.Get.Select(length => 1 + (length.Get * 997 % 5000))];
        var (h, m, window) = (1 + (heads.Get % 40), multiprocessors.Get % 200, windowed ? 128 : (int?)null);
        var groups = DocumentGroups.Of(lengths, h, window, m);
        Assert.Equal(lengths.Length, groups.Sum());
        Assert.All(groups, group => Assert.InRange(group, 1, lengths.Length));
        if (m == 0) return;
        var (first, steps) = (0, 0.0);
        foreach (var group in groups)
        {
            steps += DocumentGroups.Steps(lengths[first..(first + group)], h, window, m);
            first += group;
        }

        Assert.InRange(steps, 0, DocumentGroups.Steps(lengths, h, window, m) * (1 + 1e-9));
    }

    [Theory]
    [InlineData(12, new[] { 4096, 100, 100, 100, 100, 100, 100, 100, 100, 100, 100, 100 }, new[] { 1, 11 })] // one block would go through 32 blocks of keys alone
    [InlineData(12, new[] { 300, 280, 310, 300, 290, 300, 300, 310, 300, 300, 280, 300 }, new[] { 12 })]
    [InlineData(12, new[] { 65_536 }, new[] { 1 })]
    public void Of_KnownDocuments_TakesLongOnesApart(int heads, int[] lengths, int[] expected) => Assert.Equal(expected, DocumentGroups.Of(lengths, heads, null, 132));

    [Cases(100)]
    public void InGroups_AnyCounts_AreTheDocumentsOfEach(NonEmptyArray<PositiveInt> lengths, PositiveInt cut)
    {
        long[] documents = [.. lengths.Get.SelectMany((length, i) => Enumerable.Repeat((long)i, 1 + (length.Get % 9)))];
        using var spans = DocumentSpans.Of(documents, 1, documents.Length, CPU);
        int[] counts = spans.Count == 1 ? [1] : [1 + (cut.Get % (spans.Count - 1)), spans.Count - 1 - (cut.Get % (spans.Count - 1))];
        var groups = spans.InGroups("cut", () => counts);
        Assert.Same(groups, spans.InGroups("cut", () => throw new InvalidOperationException("made twice")));
        Assert.Equal(counts, groups.Select(group => group.Count));
        Assert.Equal(Enumerable.Range(0, spans.Count).Select(spans.LengthOf), groups.SelectMany(group => Enumerable.Range(0, group.Count).Select(group.LengthOf)));
    }
}

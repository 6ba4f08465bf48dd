using FsCheck;
using Horizon.Flow.Models.Attention;
using Horizon.Flow.Tests.Shared;

namespace Horizon.Flow.Models.Tests;

public class HeadGroupsTests
{
    /// <summary>Every head is in one group, and groups are taken only where they are a tenth faster by the count of rounds.</summary>
    [Cases(300)]
    public void Of_AnyHeads_CoversAllAndIsNeverSlower(PositiveInt heads, PositiveInt rows, PositiveInt multiprocessors)
    {
        var (h, r, m) = (1 + (heads.Get % 96), 1 + (rows.Get % 9), multiprocessors.Get % 200);
        var groups = HeadGroups.Of(h, r, m);
        Assert.Equal(h, groups.Sum());
        Assert.All(groups, group => Assert.InRange(group, 1, h));
        if (groups.Count > 1) Assert.InRange(groups.Sum(group => HeadGroups.Rounds(group, r, m)), 0, 0.9 * HeadGroups.Rounds(h, r, m));
    }

    [Theory]
    [InlineData(28, 1, 132, new[] { 22, 6 })] // a 7 B model: 140 blocks otherwise
    [InlineData(12, 1, 132, new[] { 12 })] // 1.5 B: 132 blocks, full
    [InlineData(28, 64, 132, new[] { 28 })]
    [InlineData(28, 1, 0, new[] { 28 })]
    public void Of_KnownShapes_FillsTheDevice(int heads, int rows, int multiprocessors, int[] expected) => Assert.Equal(expected, HeadGroups.Of(heads, rows, multiprocessors));
}

using Horizon.Flow.Tests.Shared;

namespace Horizon.Flow.Testing.Tests;

/// <summary>Seeds are the same in every process, or a case that fails could not be run again.</summary>
public sealed class SeedsTests
{
    /// <summary>Written down once, so that a process with seeds of its own fails here.</summary>
    [Fact]
    public void Mix_KnownParts_GivesTheNumbersOfEveryOtherProcess()
    {
        Assert.Equal(1327217884, Seeds.Mix());
        Assert.Equal(1798965474, Seeds.Mix(0));
        Assert.Equal(66724499, Seeds.Mix(0, 0));
        Assert.Equal(1914177284, Seeds.Mix(1, 2));
        Assert.Equal(2141098495, Seeds.Mix(2, 1));
        Assert.Equal(2101653139, Seeds.Mix(-1, 1L << 40));
    }

    [Cases(1000)]
    public bool Mix_AnyParts_IsNotNegative(long[] parts) => Seeds.Mix(parts) >= 0;
}

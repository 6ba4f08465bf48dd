using Horizon.Flow.Tests.Shared;

namespace Horizon.Flow.Distributed.Tests;

/// <summary>What ranks decide together is the same on all, what one fails at all have failed at, and shares of work are all of it.</summary>
public class AgreementTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public async Task Share_WhatEachDoes_IsToldToAll(int count)
    {
        var told = await OnAllAsync(count, side => side.ShareAsync("line", () => Task.FromResult(new Said(side.Rank, [0.1f * side.Rank, float.NegativeInfinity]))));
        Assert.All(told, all => Assert.Equal(Enumerable.Range(0, count), all.Select(one => one.Rank)));
        Assert.All(told, all => Assert.All(all, one => Assert.Equal([0.1f * one.Rank, float.NegativeInfinity], one.Numbers)));
    }

    [Fact]
    public async Task Share_WhereOneFails_FailsOnAllAndGoesOn()
    {
        var failures = await OnAllAsync(3, async side =>
        {
            var failure = await Assert.ThrowsAsync<HorizonException>(() => side.ShareAsync("line", () => side.Rank == 1 ? throw new HorizonException("the disk is full") : Task.FromResult(0)));
            // The line is still whole.
            Assert.True(await side.AnyAsync("line", side.Rank == 2));
            Assert.False(await side.AnyAsync("line", false));
            return failure.Message;
        });
        Assert.Equal(["rank 1: the disk is full", "the disk is full", "rank 1: the disk is full"], failures);
    }

    [Fact]
    public async Task First_DoesItOnce_AndTellsAll()
    {
        var done = 0;
        var told = await OnAllAsync(3, side => side.FirstAsync("line", () =>
        {
            Interlocked.Increment(ref done);
            return Task.FromResult<string?>($"by {side.Rank}");
        }));
        Assert.Equal((1, "by 0 by 0 by 0"), (done, string.Join(' ', told)));
        Assert.Equal("alone", await ((ICollectives?)null).FirstAsync("line", () => Task.FromResult("alone")));
        Assert.True(await ((ICollectives?)null).AnyAsync("line", true));
    }

    [Cases(100)]
    public void Places_OfAllRanks_AreAllOfThemOnceAndAsManyEach(byte things, byte ranks)
    {
        var count = 1 + (ranks % 9);
        var places = Enumerable.Range(0, count).Select(rank => new RankShare(rank, count).PlacesOf(things)).ToList();
        Assert.Single(places.Select(own => own.Count).Distinct());
        Assert.Equal(Enumerable.Range(0, things), places.SelectMany(own => own).Where(place => place < things).Order());
        Assert.All(places, own => Assert.True(own.Count(place => place >= things) <= 1)); // one spare at most
    }

    private static Task<T[]> OnAllAsync<T>(int count, Func<ICollectives, Task<T>> body) => Task.WhenAll(HostCollectives.CreateLocal(count).Select(side => Task.Run(() => body(side))));

    private sealed record Said(int Rank, float[] Numbers);
}

using System.Net.Sockets;
using FsCheck;
using FsCheck.Fluent;
using Horizon.Flow.Tests.Shared;

namespace Horizon.Flow.Distributed.Tests;

/// <summary>Meetings in one process and over TCP: everybody gets what everybody brought, and all end when one goes.</summary>
public class MeetingTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    public static Arbitrary<Exchanges> Cases() =>
        (from ranks in Gen.Choose(1, 4)
         from lines in Gen.Choose(1, 3)
         from rounds in Gen.Choose(1, 6)
         from overTcp in Gen.Elements(true, false)
         from seed in Gen.Choose(0, int.MaxValue - 1)
         select new Exchanges(ranks, lines, rounds, overTcp, seed)).ToArbitrary();

    [Cases(40, Arbitrary = [typeof(MeetingTests)])]
    public async Task Meet_OnSeveralLinesAtOnce_GivesEachRankWhatAllBroughtForIt(Exchanges random)
    {
        var meetings = await random.OpenAsync();
        // Lines go on beside each other; each rank begins them in another order.
        await Task.WhenAll(meetings.SelectMany(meeting => random.LinesOf(meeting.Rank).Select(line => Task.Run(async () =>
        {
            for (var round = 0; round < random.Rounds; round++)
            {
                var forEach = (round + line) % 2 == 0;
                var parts = forEach ? Enumerable.Range(0, random.Ranks).Select(to => random.Part(meeting.Rank, line, round, to)).ToArray() : [random.Part(meeting.Rank, line, round, -1)];
                var home = await meeting.MeetAsync($"line {line}", parts).WaitAsync(Patience);
                for (var from = 0; from < random.Ranks; from++) Assert.Equal(random.Part(from, line, round, forEach ? meeting.Rank : -1), home[from]);
            }
        }))));
        await Task.WhenAll(meetings.Select(meeting => Task.Run(meeting.Dispose)));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Abort_ByOneRank_EndsWhatAllWaitForWithTheFirstReason(bool overTcp)
    {
        var meetings = await new Exchanges(3, 1, 1, overTcp, 1).OpenAsync();
        var waiting = meetings.Take(2).Select(meeting => meeting.MeetAsync("never", [[1]])).ToList();
        meetings[2].Abort("the disk is full");
        meetings[2].Abort("too late");
        foreach (var wait in waiting)
            Assert.Equal("rank 2 ended the ranks: the disk is full", (await Assert.ThrowsAsync<HorizonException>(() => wait.WaitAsync(Patience))).Message);
        Assert.All(meetings.Take(2), meeting => Assert.True(meeting.Ended.IsCancellationRequested));
        Assert.Throws<HorizonException>(() => { _ = meetings[0].MeetAsync("later", [[1]]); });
        await Task.WhenAll(meetings.Select(meeting => Task.Run(meeting.Dispose)));
    }

    [Fact]
    public async Task Goodbye_WhileOthersWait_EndsThem()
    {
        var meetings = await new Exchanges(2, 1, 1, true, 1).OpenAsync();
        var wait = meetings[0].MeetAsync("more", [[1]]);
        await Task.Run(meetings[1].Dispose);
        var error = await Assert.ThrowsAsync<HorizonException>(() => wait.WaitAsync(Patience));
        Assert.Contains("rank 1 has ended its run", error.Message, StringComparison.Ordinal);
        await Task.Run(meetings[0].Dispose);
    }

    [Fact]
    public async Task Join_OfTwoWithOneRank_OrAnotherCount_IsExplained()
    {
        using var port = FreePort.Take();
        var first = TcpMeeting.JoinAsync(new RankPlace(0, 2, 0, 2, "localhost", port.Number), Patience, Patience);
        var other = await Assert.ThrowsAsync<HorizonException>(() => TcpMeeting.JoinAsync(new RankPlace(1, 3, 1, 3, "localhost", port.Number), Patience, Patience));
        Assert.Equal("rank 1 counts 3 ranks, rank 0 counts 2; give all the same WORLD_SIZE", other.Message);
        var twice = await Assert.ThrowsAsync<HorizonException>(() => TcpMeeting.JoinAsync(new RankPlace(0, 2, 0, 2, "localhost", port.Number), Patience, Patience));
        Assert.Contains($"rank 0 cannot listen on port {port.Number}", twice.Message, StringComparison.Ordinal);
        var second = await TcpMeeting.JoinAsync(new RankPlace(1, 2, 1, 2, "localhost", port.Number), Patience, Patience);
        await Task.WhenAll(Task.Run(second.Dispose), Task.Run((await first).Dispose));
    }

    [Fact]
    public async Task Join_WhereNotAllCome_EndsWithTheMend()
    {
        using var port = FreePort.Take();
        var error = await Assert.ThrowsAsync<HorizonException>(() => TcpMeeting.JoinAsync(new RankPlace(0, 2, 0, 2, "localhost", port.Number), TimeSpan.FromMilliseconds(300), Patience));
        Assert.Contains("not all of the 2 ranks came; start them all, with one WORLD_SIZE and one MASTER_ADDR", error.Message, StringComparison.Ordinal);
        var alone = await Assert.ThrowsAsync<HorizonException>(() => TcpMeeting.JoinAsync(new RankPlace(1, 2, 1, 2, "localhost", port.Number), TimeSpan.FromMilliseconds(300), Patience));
        Assert.Contains($"rank 1 found no rank 0 at localhost:{port.Number}", alone.Message, StringComparison.Ordinal);
    }

    /// <summary>A cable that is cut sends nothing, not even an end: silence is what shows it.</summary>
    [Fact]
    public async Task Silence_OfARank_EndsAll()
    {
        using var port = FreePort.Take();
        var first = TcpMeeting.JoinAsync(new RankPlace(0, 2, 0, 2, "localhost", port.Number), Patience, TimeSpan.FromSeconds(1));
        using var mute = new TcpClient();
        for (var tries = 0; !mute.Connected && tries < 1000; tries++)
        {
            try
            {
                await mute.ConnectAsync("localhost", port.Number);
            }
            catch (SocketException)
            {
                await Task.Yield();
            }
        }

        // Says hello as rank 1 and nothing more.
        byte[] hello = [0x48, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0];
        await mute.GetStream().WriteAsync(hello);
        var meeting = await first;
        var error = await Assert.ThrowsAsync<HorizonException>(() => meeting.MeetAsync("any", [[1]]).WaitAsync(Patience));
        Assert.Contains("rank 1 has gone: nothing came for 1 s", error.Message, StringComparison.Ordinal);
        await Task.Run(meeting.Dispose);
    }

    /// <summary>Whatever comes at the port that is no rank leaves the ranks alone.</summary>
    [Fact]
    public async Task Noise_AtThePort_IsTurnedAway()
    {
        using var port = FreePort.Take();
        var first = TcpMeeting.JoinAsync(new RankPlace(0, 2, 0, 2, "localhost", port.Number), Patience, Patience);
        using (var noise = new TcpClient())
        {
            for (var tries = 0; !noise.Connected && tries < 1000; tries++)
            {
                try
                {
                    await noise.ConnectAsync("localhost", port.Number);
                }
                catch (SocketException)
                {
                    await Task.Yield();
                }
            }

            await noise.GetStream().WriteAsync("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"u8.ToArray());
            var answer = new byte[1];
            Assert.Equal(0, await noise.GetStream().ReadAsync(answer).AsTask().WaitAsync(Patience)); // closed
        }

        var second = await TcpMeeting.JoinAsync(new RankPlace(1, 2, 1, 2, "localhost", port.Number), Patience, Patience);
        var both = await Task.WhenAll(second.MeetAsync("any", [[2]]), (await first).MeetAsync("any", [[1]])).WaitAsync(Patience);
        Assert.All(both, home => Assert.Equal([[1], [2]], home));
        await Task.WhenAll(Task.Run(second.Dispose), Task.Run((await first).Dispose));
    }

    public sealed record Exchanges(int Ranks, int Lines, int Rounds, bool OverTcp, int Seed)
    {
        public async Task<IReadOnlyList<IMeeting>> OpenAsync()
        {
            if (!OverTcp) return LocalMeeting.Create(Ranks);
            using var port = FreePort.Take();
            return await Task.WhenAll(Enumerable.Range(0, Ranks).Select(async rank => (IMeeting)await TcpMeeting.JoinAsync(new RankPlace(rank, Ranks, rank, Ranks, "localhost", port.Number), Patience, Patience)));
        }

        public IEnumerable<int> LinesOf(int rank) => Enumerable.Range(0, Lines).Select(line => (line + rank) % Lines);

        public byte[] Part(int from, int line, int round, int to)
        {
            var random = new Random(HashCode.Combine(Seed, from, line, round, to));
            var part = new byte[random.Next(0, 5000)];
            random.NextBytes(part);
            return part;
        }
    }
}

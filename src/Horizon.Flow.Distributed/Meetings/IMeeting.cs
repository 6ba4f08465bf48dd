namespace Horizon.Flow.Distributed;

/// <summary>Where ranks meet, seen from one of them: each brings bytes for the others and takes home what they brought for it. What everything else is made of.</summary>
public interface IMeeting : IDisposable
{
    /// <summary>This rank, from 0.</summary>
    int Rank { get; }

    /// <summary>How many ranks there are.</summary>
    int Count { get; }

    /// <summary>Cancelled when the ranks cannot meet any more: one has gone, or was aborted.</summary>
    CancellationToken Ended { get; }

    /// <summary>Why they cannot meet any more, in words; null while they can.</summary>
    string? Why { get; }

    /// <summary>One meeting of a line; the first that every rank asks for is one, the second the next.</summary>
    /// <param name="line">Lines are independent of each other.</param>
    /// <param name="parts">One part for every rank, or [Count]: a part for each. Not changed by the caller afterwards.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <returns>[Count]: what each rank brought for this one, by rank.</returns>
    /// <exception cref="HorizonException">The ranks cannot meet.</exception>
    Task<byte[][]> MeetAsync(string line, byte[][] parts, CancellationToken cancellationToken = default);

    /// <summary>Ends all meetings, for every rank. The first reason stands.</summary>
    /// <param name="why">In words, without the rank.</param>
    void Abort(string why);
}

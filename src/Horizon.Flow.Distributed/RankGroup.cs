using Horizon.Flow.Devices;

namespace Horizon.Flow.Distributed;

/// <summary>Makes a process one of the ranks.</summary>
public static class RankGroup
{
    /// <summary>Meets the other ranks over TCP; collectives are NCCL's on a GPU, and go over the same connections or MPI's on a CPU.</summary>
    /// <param name="place">See <see cref="RankEnvironment"/>.</param>
    /// <param name="device">This rank's own.</param>
    /// <param name="patience">How long to wait for all ranks to come; two minutes by default.</param>
    /// <param name="silence">After how long without a sign of life a rank is taken for gone; 15 seconds by default.</param>
    /// <param name="library">What carries collectives.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <exception cref="HorizonException">A rank did not come, or has gone, or there is no NCCL.</exception>
    public static async Task<ICollectives> JoinAsync(
        RankPlace place, IComputeDevice device, TimeSpan? patience = null, TimeSpan? silence = null, CollectivesLibrary library = CollectivesLibrary.Auto, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(device);
        if (library == CollectivesLibrary.Mpi && device.MemoryBytes is not null)
            throw new HorizonException("pipeline.collectives is mpi, which moves host memory, and the device is a GPU; set pipeline.collectives: auto, and NCCL does it");
        var meeting = await TcpMeeting.JoinAsync(place, patience, silence, cancellationToken).ConfigureAwait(false);
        if (device.MemoryBytes is null && library == CollectivesLibrary.Auto) return new HostCollectives(meeting);
        try
        {
            return library == CollectivesLibrary.Mpi ? MpiCollectives.Create(meeting) : await NcclCollectives.CreateAsync(meeting, device).ConfigureAwait(false);
        }
        catch
        {
            meeting.Dispose();
            throw;
        }
    }
}

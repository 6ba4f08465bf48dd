using Horizon.Flow.Devices;
using Horizon.Flow.Graph;
using Horizon.Flow.Messages;

namespace Horizon.Flow.Distributed;

/// <summary>Does the visits of <see cref="RankOps.Collective"/>: makes units whole, sums gradients. It runs on a stream of its own, beside the computation.</summary>
/// <remarks>
/// <para>Takes: <see cref="OpWork"/>, in the program's order, which is the same on all ranks. Gives: <see cref="Computed"/>, complete when the collective is.</para>
/// <para>Waits when: never where the device has streams; in host memory, for the other ranks.</para>
/// <para>Completes when: told to, after the last visit. On fault: as any stage; the other ranks are told.</para>
/// <para>Owns: the stream.</para>
/// </remarks>
public sealed class CollectiveBlock : StageBlock<OpWork, Computed>
{
    /// <summary>Creates the block.</summary>
    /// <param name="collectives">This rank's side.</param>
    /// <param name="stream">Where they run.</param>
    /// <param name="options">Bounds.</param>
    /// <param name="slices">How units are shared.</param>
    public CollectiveBlock(ICollectives collectives, IDeviceStream stream, StageOptions options, UnitSlices slices)
        : base(options, work =>
        {
            var cut = slices.CutOf(work.Visit.Layout);
            var source = work.SlotOf(0);
            var target = work.Visit.Planned.GivesGradient ? work.GradientSlot : work.TargetSlotOf(0);
            var done = stream.Enqueue([source.Fence, target.Fence], handle =>
            {
                if (!work.Visit.Planned.GivesGradient)
                {
                    foreach (var stretch in cut.Stretches) collectives.AllGather(source.Buffer, target.Buffer, stretch, handle);
                }
                else if (cut.Gradient is { } gradient)
                {
                    collectives.ReduceScatter(source.Buffer, target.Buffer, gradient, handle);
                }
            });
            return work.GiveBehind(done);
        })
    {
        ArgumentNullException.ThrowIfNull(collectives);
        ArgumentNullException.ThrowIfNull(stream);
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(slices);
        var stopped = options.Cancellation.Register(() => collectives.Abort("its run was stopped; its own error says why"));
        Completion.ContinueWith(
            _ =>
            {
                stopped.Dispose();
                stream.Dispose();
            },
            CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);
    }
}

using Horizon.Flow.Devices;
using Horizon.Flow.Graph;
using Horizon.Flow.Messages;

namespace Horizon.Flow.Blocks;

/// <summary>Reads the losses of a step, without stopping the thread that launches operators, and gives them when all are known.</summary>
/// <remarks>
/// <para>Takes: <see cref="DeviceLoss"/>. Gives: <see cref="StepLosses"/>, one a step.</para>
/// <para>Waits when: the copy is under way. Completes when: told to, after the last loss. On fault: as any stage.</para>
/// <para>Owns: the loss cell, given back once it is read; the losses of the step in hand.</para>
/// </remarks>
public sealed class LossesBlock : StageBlock<DeviceLoss, StepLosses>
{
    /// <summary>Creates the block.</summary>
    public LossesBlock(IComputeDevice device, StageOptions options)
        : this(device, options, [])
    {
    }

    private LossesBlock(IComputeDevice device, StageOptions options, List<(int MicroBatch, float Sum)> known)
        : base(options, async (loss, call) =>
        {
            using (loss.Cell)
            {
                var cell = loss.Cell.Value;
                await call.WaitFor(device.Download(cell.OnDevice, sizeof(float), cell.OnHost, loss.Ready).WaitAsync()).ConfigureAwait(false);
                known.Add((loss.Visit.MicroBatch, cell.OnHost.Span<float>(0, 1)[0]));
            }

            if (known.Count < loss.Info.Program.Losses) return null;
            var sums = new double[loss.Info.MicroBatchCount];
            foreach (var (microBatch, sum) in known) sums[microBatch] += sum;
            known.Clear();
            return new StepLosses(loss.Info, sums);
        })
    {
    }
}

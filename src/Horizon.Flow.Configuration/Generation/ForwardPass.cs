using Horizon.Flow.Graph;
using Horizon.Flow.Host;
using static TorchSharp.torch;

namespace Horizon.Flow.Configuration;

/// <summary>
/// One pass over all units that keeps nothing: each is uploaded into a buffer of a pool, run, and left. With two buffers the next unit's
/// copy goes on while the one before is computed.
/// </summary>
internal sealed class ForwardPass(ModelDefinition model, ParameterStore store, IComputeDevice device, LeasePool<DeviceSlot> buffers)
{
    /// <summary>[vocabulary] fp32: the logits of the token after the last one.</summary>
    /// <param name="ids">One document from its beginning; at least one token.</param>
    /// <param name="cancellation">Ends the pass between two units.</param>
    public async Task<float[]> NextLogitsAsync(IReadOnlyList<int> ids, CancellationToken cancellation = default)
    {
        var batch = await device.Lane.RunAsync(() => Copy(ids), cancellation).ConfigureAwait(false);
        Tensor? hidden = null;
        try
        {
            foreach (var binding in model.Hidden)
            {
                hidden = await VisitAsync(binding.Unit, views => Step(binding.Template, views, hidden, batch), cancellation).ConfigureAwait(false);
            }

            return await VisitAsync(model.Head.Unit, views => Logits(views, hidden!), cancellation).ConfigureAwait(false);
        }
        finally
        {
            await device.Lane.RunAsync(
                () =>
                {
                    hidden?.Dispose();
                    batch.Dispose();
                },
                CancellationToken.None).ConfigureAwait(false);
        }
    }

    private async Task<T> VisitAsync<T>(int unit, Func<ParameterViews, T> compute, CancellationToken cancellation)
    {
        using var lease = await buffers.RentAsync(cancellation).ConfigureAwait(false);
        var slot = lease.Value;
        var state = store.Units[unit];
        slot.Fence = device.Upload(state.Weights, state.Weights.ByteLength, slot.Buffer, slot.Fence);
        return await device.Lane.RunAsync(
            () =>
            {
                device.ComputeWaits(slot.Fence);
                var result = compute(slot.ViewsOf(state.Layout));
                slot.Fence = device.RecordCompute();
                return result;
            },
            CancellationToken.None).ConfigureAwait(false);
    }

    private DeviceBatch Copy(IReadOnlyList<int> ids)
    {
        Tensor Up(IEnumerable<long> values) =>
            tensor([.. values], int64).view(1, ids.Count).to(device.TorchDevice, copy: true).DetachFromDisposeScope();

        return new DeviceBatch(
            Up(ids.Select(id => (long)id)),
            Up(ids.Select(_ => MicroBatch.Unlabelled)),
            Up(Enumerable.Range(0, ids.Count).Select(place => (long)place)),
            documents: null);
    }

    private static Tensor Step(IUnitTemplate template, ParameterViews views, Tensor? hidden, DeviceBatch batch)
    {
        var output = template.Forward(views, hidden, batch).DetachFromDisposeScope();
        hidden?.Dispose();
        return output;
    }

    private float[] Logits(ParameterViews views, Tensor hidden)
    {
        var last = hidden.narrow(1, hidden.shape[1] - 1, 1).view(1, -1);
        return model.Head.Template.Logits(views, last).cpu().data<float>().ToArray();
    }
}
